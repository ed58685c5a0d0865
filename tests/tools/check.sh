#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# `sleeve check` tells programs that can be sleeved from those that cannot, and says why.
. "$(dirname "$0")/lib"

# check NAME STATUS TEXT...
check()
{
	what="sleeve check $1"
	run "$sleeve" check "$1"
	shift
	expect "$@"
}

# A file with these lines that may be executed.
script()
{
	name=$tmp/$1
	shift
	printf '%s\n' "$@" >"$name"
	chmod 755 "$name"
}

cat >"$tmp/hello.c" <<'C'
int main(void) { return 0; }
C
compile()
{
	${CC:-cc} -o "$tmp/$1" "$tmp/hello.c" $2 2>"$tmp/cc.log" || {
		cat "$tmp/cc.log"
		return 1
	}
}
compile dynamic '' || exit 1

# ---- programs
check "$tmp/dynamic" 0 "yes, it can be sleeved (dynamic, glibc)"
check sh 0 "/sh: yes"
[ "$(printf '%s\n' "$out" | wc -l)" = 1 ] || fail "a verdict is one line: $out"
if compile static -static; then
	check "$tmp/static" 1 "linked statically" "remedy: link it dynamically"
else
	echo "no static C library here; static programs are not tried"
fi
compile static-pie '-static-pie' && check "$tmp/static-pie" 1 "linked statically"

# A Go program is known by a section, and by a note once it has been stripped of sections.
cp "$tmp/dynamic" "$tmp/go"
echo buildinfo >"$tmp/section"
objcopy --add-section .go.buildinfo="$tmp/section" "$tmp/go"
check "$tmp/go" 1 "written in Go" "remedy: use Go's own crypto/tls"
cat >"$tmp/note.s" <<'S'
	.section .note.go.buildid, "a", @note
	.long 4, 4, 4
	.ascii "Go\0\0abcd"
S
${CC:-cc} -o "$tmp/go-note" "$tmp/hello.c" "$tmp/note.s" 2>/dev/null &&
	objcopy --rename-section .note.go.buildid=.note.other "$tmp/go-note" && {
	check "$tmp/go-note" 1 "written in Go"
}

# A loader that is not glibc's.  Nothing is run, so it need not be there.
compile musl -Wl,--dynamic-linker=/lib/ld-musl-x86_64.so.1 &&
	check "$tmp/musl" 1 "musl C library" "remedy: "
compile strange -Wl,--dynamic-linker=/lib/other-loader && check "$tmp/strange" 1 "/lib/other-loader"
compile alone '-nostdlib -nostartfiles -Wl,--dynamic-linker=/lib64/ld-linux-x86-64.so.2 -pie' &&
	check "$tmp/alone" 1 "no C library"

# Another machine: byte 18 of the header.
cp "$tmp/dynamic" "$tmp/foreign"
printf '\001' | dd of="$tmp/foreign" bs=1 seek=18 conv=notrunc 2>/dev/null
check "$tmp/foreign" 1 "another machine"
head -c 100 "$tmp/dynamic" >"$tmp/short"
chmod 755 "$tmp/short"
check "$tmp/short" 1 "program headers"

# ---- privileges, which make the loader ignore LD_PRELOAD
if [ "$(id -u)" = 0 ]; then
	cp "$tmp/dynamic" "$tmp/setuid"
	chown 65534 "$tmp/setuid" && chmod 4755 "$tmp/setuid"
	check "$tmp/setuid" 1 "set-user-id" "remedy: take the bit away (chmod u-s)"
	cp "$tmp/dynamic" "$tmp/setgid"
	chgrp 65534 "$tmp/setgid" && chmod 2755 "$tmp/setgid"
	check "$tmp/setgid" 1 "set-group-id" "chmod g-s"
	cp "$tmp/dynamic" "$tmp/own"
	chmod 4755 "$tmp/own"
	check "$tmp/own" 0 "not when other users start it"
	cp "$tmp/dynamic" "$tmp/capable"
	if command -v setpriv >/dev/null && command -v setcap >/dev/null &&
		setcap cap_net_bind_service+ep "$tmp/capable" 2>/dev/null; then
		what="file capabilities"
		run setpriv --reuid 65534 --regid 65534 --clear-groups \
			"$sleeve" check "$tmp/capable"
		[ "$status" = 126 ] || expect 1 "file capabilities" "setcap -r"
	else
		echo "no setcap or setpriv here; file capabilities are not tried"
	fi
else
	echo "not root; set-id programs are not tried"
fi

# ---- scripts
script plain '#!/bin/sh' 'exit 0'
check "$tmp/plain" 0 "script of /bin/sh, dynamic, glibc"
script env '#!/usr/bin/env sh'
check "$tmp/env" 0 "script of " "/sh, "
script env-split '#!/usr/bin/env -S A=1 sh -e'
check "$tmp/env-split" 0 "script of "
script env-cleared '#!/usr/bin/env -i sh'
check "$tmp/env-cleared" 1 "takes LD_PRELOAD out"
script env-minus '#!/usr/bin/env - sh'
check "$tmp/env-minus" 1 "takes LD_PRELOAD out"
script env-missing '#!/usr/bin/env no-such-interpreter'
check "$tmp/env-missing" 1 "no-such-interpreter is not in PATH"
script missing '#!/no/such/interpreter -x'
check "$tmp/missing" 1 "/no/such/interpreter" "No such file"
script bare '#!'
check "$tmp/bare" 1 "names no interpreter"
script textual 'exit 0'
check "$tmp/textual" 0 "script of /bin/sh"
script chain "#! $tmp/plain	argument"
check "$tmp/chain" 0 "script of $tmp/plain, script of /bin/sh"
script loop "#!$tmp/loop"
check "$tmp/loop" 1 "scripts of scripts"
[ ! -f "$tmp/static" ] || {
	script of-static "#!$tmp/static"
	check "$tmp/of-static" 1 "$tmp/of-static: no" "script of $tmp/static" "linked statically"
}

# ---- what is no program
check no-such-program 1 "no such program in PATH" "remedy: "
check "$tmp/nothing" 1 "No such file"
check "$tmp" 1 "not a regular file"
check "$tmp/hello.c" 1 "not executable" "chmod +x"
printf 'data\0data' >"$tmp/data"
chmod 755 "$tmp/data"
check "$tmp/data" 1 "neither an ELF program nor a script"
mkfifo "$tmp/fifo"
check "$tmp/fifo" 1 "not a regular file"
escape=$(printf 'x\033[31mx')
check "$escape" 1 'x\x1b[31mx'
case $out$err in
*"$escape"*) fail "a name with an escape sequence reached the terminal" ;;
esac

what="sleeve check"
run "$sleeve" check
expect 2 usage
run "$sleeve" check sh sh
expect 2 usage
run "$sleeve" check --nonsense sh
expect 2 usage
exit $bad
