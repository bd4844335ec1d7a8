# A bridge with a rogue, a trusted server that is slower, and a client.

# Whose lease the client gets while the trusted server is there, too, and always later than the rogue.
contested_lease() {
    serve trusted 10.0.0.10 10.0.0.19 1500
    lease
    kill $!
    wait $! || true
}

filters() {
    tc filter show dev p-rogue ingress
    tc filter show dev p-rogue egress
}

host trusted 10.0.0.1
host rogue 10.0.0.2
host client
serve rogue 10.0.0.20 10.0.0.29 100

say kernel "$(uname -r)"
say unguarded "$(lease)"
guard --trust-port p-trusted
say ports "$(pxeguard ports --json)"
# Of each: BPF_PROG_TYPE_SCHED_CLS is 3, BPF_PROG_TYPE_XDP is 6.
say programs "$(cat /proc/$guard/fdinfo/* | awk '/^prog_type/ { print $2 }' | sort)"
say verified "$(cat /proc/$guard/fdinfo/* | awk '/^verified_insns/ { print $2 }')"
say guarded "$(contested_lease)"
say filters "$(filters)"
end KILL
say killed "$(contested_lease)"
guard --trust-port p-trusted
say adopted "$(contested_lease)"
say adopted_filters "$(filters)"
say adopted_ports "$(pxeguard ports --json)"
end TERM
say stopped "$(contested_lease)"
say detach "$(pxeguard detach)"
say detached_filters "$(filters)"
say detached "$(lease)"
sed 's/^/guard: /' /run/guard.log
