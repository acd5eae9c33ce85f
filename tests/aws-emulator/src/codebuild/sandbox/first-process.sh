# First process of a build's sandbox: gives the build a root of its own, says `ready`, and stays until its standard
# input ends. Everything in the sandbox ends with it, because it is process 1 of a PID namespace.
#
# Environment: WORK (folder of this build), PROGRAMS, VISIBLE (one folder a line), CA_BUNDLE, CGROUP, OWN_NETWORK,
# ADDRESSES (of that network, besides those that every build has). An empty value switches the part off.
set -eu
umask 022
root=$WORK/root
mkdir -p "$root" "$WORK/codebuild" "$WORK/tmp" "$WORK/docker"
chmod 1777 "$WORK/tmp"
mount -t tmpfs -o mode=755 sandbox "$root"
cd "$root"
mkdir -p usr etc proc sys dev run tmp root home opt mnt srv codebuild old var/lib/docker var/log var/tmp var/cache
ln -s /run var/run
chmod 1777 var/tmp

show() {
    mkdir -p "$root$1"
    mount --rbind "$1" "$root$1"
    # In a user namespace the mount may be locked; then it stays as it is.
    mount -o remount,bind,ro "$root$1" 2>/dev/null || true
}

show /usr
for folder in /bin /sbin /lib /lib32 /lib64 /libx32; do
    if [ -L "$folder" ]; then
        cp -P "$folder" "$root/"
    elif [ -d "$folder" ]; then
        show "$folder"
    fi
done
for name in passwd group shells nsswitch.conf host.conf hosts resolv.conf ld.so.cache ld.so.conf ld.so.conf.d \
    alternatives ssl pki ca-certificates protocols services os-release localtime; do
    if [ -e "/etc/$name" ]; then
        cp -a "/etc/$name" etc/ 2>/dev/null || cp -r "/etc/$name" etc/
    fi
done
if [ -n "$CA_BUNDLE" ]; then
    mkdir -p etc/ssl/certs
    rm -f etc/ssl/certs/ca-certificates.crt
    cp "$CA_BUNDLE" etc/ssl/certs/ca-certificates.crt
fi

# Before the folders that are visible, because some of them may be below it.
mount --bind "$WORK/tmp" "$root/tmp"
echo "$VISIBLE" | while read -r folder; do
    case $folder in '' | /usr | /usr/*) ;; *) show "$folder" ;; esac
done

mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
if [ -n "$OWN_NETWORK" ]; then
    mount -t sysfs sysfs "$root/sys"
else
    mount --rbind /sys "$root/sys"
fi

# Containers of a build get their control groups below the build's own.
if [ -n "$CGROUP" ]; then
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        mkdir -p "/sys/fs/cgroup/$CGROUP"
        mount --bind "/sys/fs/cgroup/$CGROUP" "$root/sys/fs/cgroup"
    else
        mount -t tmpfs -o mode=755 cgroups "$root/sys/fs/cgroup"
        for hierarchy in /sys/fs/cgroup/*/; do
            hierarchy=${hierarchy%/}
            mkdir -p "$hierarchy/$CGROUP" "$root$hierarchy"
            # New groups of this controller begin without processors and memory nodes.
            if [ -e "$hierarchy/cgroup.clone_children" ]; then
                echo 1 >"$hierarchy/cgroup.clone_children"
            fi
            mount --bind "$hierarchy/$CGROUP" "$root$hierarchy"
        done
    fi
fi

mount --bind "$WORK/codebuild" "$root/codebuild"
if [ -n "$PROGRAMS" ]; then
    mkdir codebuild/bin
    mount --bind "$PROGRAMS" "$root/codebuild/bin"
    # Where the Docker CLI looks for its plugins, whatever its configuration folder is.
    mkdir -p "$WORK/lib/docker/cli-plugins"
    [ ! -e "$PROGRAMS/docker-buildx" ] || ln -s /codebuild/bin/docker-buildx "$WORK/lib/docker/cli-plugins/"
    mount -t overlay -o "lowerdir=$WORK/lib:/usr/local/lib" plugins "$root/usr/local/lib" 2>/dev/null || true
fi
mount --bind "$WORK/docker" "$root/var/lib/docker"
pivot_root . old
cd /
umount -l /old
rmdir /old
if [ -n "$OWN_NETWORK" ]; then
    /codebuild/bin/ip link set lo up
    for address in 169.254.170.2 $ADDRESSES; do
        /codebuild/bin/ip addr add "$address/32" dev lo
    done
    # Containers get a copy; a loopback address would lead each to itself.
    rm -f etc/resolv.conf
    echo nameserver 169.254.170.2 >etc/resolv.conf
fi
exec 3<&0
echo ready
exec >/dev/null 2>&1
cat <&3 &
# Waiting also takes in the processes that lose their parents.
wait $!
