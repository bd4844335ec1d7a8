# A bridge with cards of several kinds, two of which have a rogue at the other end of their cable.

# Gives each card the name that its address stands for; the last ones are in namespaces of their own.
name() { # LAST-BYTE-OF-THE-ADDRESS NAME
    for card in /sys/class/net/eth*; do
        case $(cat $card/address) in *:$1) ip link set ${card##*/} name $2 ;; esac
    done
}

rogue() { # LAST-BYTE-OF-THE-ADDRESS HOST ADDRESS
    ip netns add $2
    name $1 $2
    ip link set $2 netns $2
    ip -n $2 link set $2 name eth0 up
    ip -n $2 address add $3/24 dev eth0
}

name 01 plain
name 02 e1000
name 03 tags
name 04 jumbo
name 05 joined
name 06 fixed
name 07 big
rogue 11 rogue 10.0.0.2
rogue 17 bigrogue 10.0.0.3
ip link set jumbo mtu 9000
# As long as its bridge, which else would have all cables agree on less.
ip link set vmbr0 mtu 1500
for card in plain e1000 tags jumbo joined fixed big; do ip link set $card up master vmbr0; done
host client
serve rogue 10.0.0.20 10.0.0.29 100

say kernel "$(uname -r)"
say unguarded "$(lease)"
guard --trust-port e1000
say auto "$(pxeguard ports --json)"
say guarded "$(lease 2)"
say dropped "$(pxeguard ports --json)"
pxeguard trust add 52:54:00:00:00:99,vlan=5
say with_vlan "$(pxeguard ports --json)"
pxeguard trust remove 52:54:00:00:00:99,vlan=5
say without_vlan "$(pxeguard ports --json)"
end KILL
guard --trust-port e1000 --hook xdp
say asked "$(pxeguard ports --json)"
serve bigrogue 10.0.0.30 10.0.0.39 100
say asked_guarded "$(lease 2)"
say asked_dropped "$(pxeguard ports --json)"
end TERM
sed 's/^/guard: /' /run/guard.log
