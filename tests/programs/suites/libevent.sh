#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# libevent's regression tests.  ONLY="listener/.. http/.." runs some.
. "$(dirname "$0")/lib.sh"
suite libevent cmake make gcc
upstream=https://github.com/libevent/libevent/releases/download
version=2.1.12-stable
source_of libevent $version libevent_$version.orig.tar.gz \
	92e6de1be9ec176428fd2367677e61ceffc2ee1cb119035037a27d346b0403bb bookworm \
	$upstream/release-$version/libevent-$version.tar.gz
built=$source/built
{
	cmake -S "$source" -B "$built" -DEVENT__DISABLE_OPENSSL=ON -DEVENT__LIBRARY_TYPE=SHARED \
		-DEVENT__DISABLE_BENCHMARK=ON -DEVENT__DISABLE_SAMPLES=ON &&
		make -C "$built" -j2 regress
} >"$tmp/build.out" 2>&1 || skip "it does not build here: $(tail -n 1 "$tmp/build.out")"

run_tests()
{
	# shellcheck disable=SC2086 # several words
	timeout -k 10 900 "${as[@]}" "$built/bin/regress" ${ONLY:-} 2>&1 | tee "$work/out"
	results_of "$work/out"
}

# "main/methods: [forking] OK"; of a failure the line ends otherwise.
results_of() # FILE
{
	sed -nE -e 's/^([a-z_0-9]+\/[a-zA-Z_0-9]+): .*(OK|SKIPPED|DISABLED)$/\1\tok/p' \
		-e 's/^([a-z_0-9]+\/[a-zA-Z_0-9]+): .*$/\1\tFAIL/p' "$1" >&3
}

compare run_tests
