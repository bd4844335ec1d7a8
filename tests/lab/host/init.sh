# First process of a host of the lab; $1 is the host's name.  What it mounts hides the
# machine's own state from the host's programs, and theirs from the machine.
set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t bpf bpf /sys/fs/bpf
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/kea /run/dhcpcd /run/lab
for dir in etc var/lib; do
    mkdir -p /run/lab/overlay/$dir/upper /run/lab/overlay/$dir/work
    mount -t overlay overlay -o "lowerdir=/$dir,upperdir=/run/lab/overlay/$dir/upper,workdir=/run/lab/overlay/$dir/work" /$dir
done
# Leases and settings of the machine itself.
rm -rf /etc/pxeguard /var/lib/pxeguard
for dir in /var/lib/dhcp /var/lib/dhcpcd /var/lib/kea /var/lib/misc; do
    rm -rf $dir
    mkdir -p $dir
done
echo "$1" > /proc/sys/kernel/hostname
# br_netfilter drops odd IP frames on bridges by itself, and would take the guard's credit.
for knob in /proc/sys/net/bridge/bridge-nf-call-*; do
    [ ! -e $knob ] || echo 0 > $knob
done
# No router solicitations and multicast reports among the frames that a test looks at.
for scope in all default; do
    [ ! -e /proc/sys/net/ipv6/conf/$scope/disable_ipv6 ] || echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6
done
ip link set lo up
echo ready
# Ends with the lab's process, which holds the other end of standard input; the kernel
# then kills whatever else runs in this pid namespace.  Whoever loses its parent becomes
# a child of this process, and is reaped by the kernel, since the signal is ignored.
exec env --ignore-signal=CHLD cat
