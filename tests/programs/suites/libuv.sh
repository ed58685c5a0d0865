#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# libuv's own tests.  ONLY="tcp_connect_error" runs some.
. "$(dirname "$0")/lib.sh"
suite libuv cmake make gcc
version=1.44.2
source_of libuv1 $version libuv1_$version.orig.tar.gz \
	d79b4b06ef04be85fb890bf39d55942cc64c2e15fd14eaa32dae5dce94485484 bookworm \
	https://dist.libuv.org/dist/v$version/libuv-v$version.tar.gz
built=$source/built
{ cmake -S "$source" -B "$built" -DBUILD_TESTING=ON && make -C "$built" -j2 uv_run_tests; } \
	>"$tmp/build.out" 2>&1 || skip "it does not build here: $(tail -n 1 "$tmp/build.out")"
cp -R "$source/test" "$built/uv_run_tests" "$tmp/"
unprivileged nobody "$(id -gn nobody)"

known poll_oob "$urgent"
known tcp_oob "$urgent"
for test in tcp_close_while_connecting tcp_connect_timeout; do
	known $test "connects to an address far away: the network decides"
done

run_tests()
{
	local test
	mkdir "$work/run" && cp -R "$tmp/test" "$tmp/uv_run_tests" "$work/run/" &&
		chmod -R a+rwX "$work/run" && cd "$work/run" || return
	if [ -z "${ONLY:-}" ]; then
		timeout -k 10 600 "${as_user[@]}" "${as[@]}" ./uv_run_tests | tee "$work/out"
	else
		for test in $ONLY; do
			"${as_user[@]}" "${as[@]}" timeout 60 ./uv_run_tests "$test" "$test" &&
				echo "ok 1 - $test" || echo "not ok 1 - $test"
		done | tee "$work/out"
	fi
	sed -nE -e 's/^ok [0-9]+ - ([a-z0-9_]+)( # SKIP.*)?$/\1\tok/p' \
		-e 's/^not ok [0-9]+ - ([a-z0-9_]+)$/\1\tFAIL/p' "$work/out" >&3
}

compare run_tests
