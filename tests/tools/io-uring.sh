#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# io_uring: refused, and reported once, in a program that a rule concerns; left alone in others.
. "$(dirname "$0")/lib"

if ! command -v python3 >/dev/null; then
	echo "python3 is not installed"
	exit 77
fi

# Twice, as a library that asks for several rings; whoever falls back goes on.
ask='import ctypes, errno, os
libc = ctypes.CDLL(None, use_errno=True)
for entries in (8, 8):
    ring = libc.syscall(425, entries, ctypes.create_string_buffer(120))
    print("a ring" if ring >= 0 else errno.errorcode[ctypes.get_errno()])'

# asked RULE...: in a program under a policy with these rules.
asked()
{
	printf 'version = 1;\nrules = ( { name = "r"; on = "connect"; %s } );\n' "$1" \
		>"$tmp/policy.conf"
	: >"$tmp/log"
	run env LD_PRELOAD="$BUILD/libsleeve.so" SLEEVE_POLICY="$tmp/policy.conf" \
		SLEEVE_RUNDIR="$tmp/run" SLEEVE_LOG="warn:$tmp/log" python3 -c "$ask"
}

reports()
{
	grep -c 'io_uring is answered with ENOSYS' "$tmp/log"
}

bare=$(python3 -c "$ask")

for rule in 'mode = "deny"; to = ["192.0.2.1"];' 'mode = "deny"; programs = ["/**/python3*"];'; do
	what="a program that a rule concerns ($rule)"
	asked "$rule"
	expect 0 ENOSYS
	[ "$out" = "$(printf 'ENOSYS\nENOSYS')" ] || fail "$what: $out"
	[ "$(reports)" = 1 ] || fail "$what: reported $(reports) times"
done

for rule in 'mode = "plaintext";' 'mode = "deny"; programs = ["/no/such/program"];'; do
	what="a program that none concerns ($rule)"
	asked "$rule"
	[ "$out" = "$bare" ] || fail "$what: $out"
	[ "$(reports)" = 0 ] || fail "$what: reported"
done

exit $bad
