#!/bin/busybox sh
# First process of the machine: makes it usable, runs the story, powers off however that ends.
set -e
trap 'echo "= end $?"; poweroff -f' EXIT
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
/bin/busybox --install -s /bin
rm /bin/ip # iproute2's is meant
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "$module"; done < /modules/order
ip link set lo up
. /story.sh
