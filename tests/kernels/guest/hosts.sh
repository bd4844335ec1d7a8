# Hosts and a guard for the stories.  What a test looks at is said in lines `= WHAT VALUE`.

say() {
    echo "= $1 $(echo "$2" | tr '\n' ' ')"
}

host() { # NAME ADDRESS
    ip netns add $1
    ip link add p-$1 type veth peer name eth0 netns $1
    ip link set p-$1 up master vmbr0
    ip -n $1 link set eth0 up
    [ -z "$2" ] || ip -n $1 address add $2/24 dev eth0
}

# Starts a DHCP server that knows no client yet; before it gives an address away it asks
# for so many milliseconds whether somebody has it.
serve() { # HOST FIRST LAST MILLISECONDS
    : > /run/$1.leases
    printf '%s\n' "start $2" "end $3" "interface eth0" "lease_file /run/$1.leases" "pidfile /run/$1.none" > /etc/$1.conf
    ip netns exec $1 busybox udhcpd -f -a $4 /etc/$1.conf > /dev/null 2>&1 &
}

# Whose lease the client gets.
lease() { # TRIES
    ip netns exec client busybox udhcpc -i eth0 -f -n -q -t ${1:-8} -T 1 -s /etc/lease 2>/dev/null | grep . || echo nobody
}

# With the capabilities of the service, and no more.
guard() { # ARGUMENTS
    began=$(cut -d' ' -f1 /proc/uptime)
    set_to=-all$(cat /capabilities)
    setpriv --bounding-set=$set_to --inh-caps=$set_to pxeguard run --iface vmbr0 "$@" >> /run/guard.log 2>&1 &
    guard=$!
    until pxeguard ports > /dev/null 2>&1; do
        kill -0 $guard || { cat /run/guard.log; exit 1; }
        usleep 200000
    done
    say seconds "$began $(cut -d' ' -f1 /proc/uptime)"
}

end() { # SIGNAL
    kill -$1 $guard
    wait $guard || true
}

# As systemd does, which may mount.
mount -t bpf -o mode=700 bpf /sys/fs/bpf
ip link add vmbr0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
ip link set vmbr0 up
printf '#!/bin/sh\n[ $1 != bound ] || echo $serverid\n' > /etc/lease
chmod +x /etc/lease
