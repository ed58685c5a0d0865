#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# redis's own suite in Tcl, against the installed server; tclsh is sleeved like the rest.
# ONLY="unit/auth integration/replication" runs some of its files, CLIENTS=4 as many at a time.
BOUND=${BOUND:-3500}
. "$(dirname "$0")/lib.sh"
suite redis redis-server redis-cli redis-benchmark tclsh
version=7.0.15
redis-server --version | grep -q "v=$version " || skip "the suite is that of redis $version"
source_of redis $version redis_$version.orig.tar.gz \
	4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982 bookworm \
	https://github.com/redis/redis/archive/refs/tags/$version.tar.gz

# Long computations without a socket in them.
without="unit/geo unit/hyperloglog unit/maxmemory unit/memefficiency unit/type/list-3
	integration/corrupt-dump integration/corrupt-dump-fuzzer"

run_suite()
{
	local options=(--clients "${CLIENTS:-4}" --timeout 300 --baseport "$base" --portcount 4000)
	local unit
	cp -R "$source"/{tests,runtest,redis.conf,sentinel.conf} . && mkdir -p src || return
	for unit in server cli benchmark check-aof check-rdb sentinel; do
		ln -sf "$(command -v redis-$unit)" src/
	done
	for unit in ${ONLY:-}; do
		options+=(--single "$unit")
	done
	for unit in $without; do
		options+=(--skipunit "$unit")
	done
	"${as[@]}" ./runtest "${options[@]}" | tee "$work/out"
	results_of "$work/out"
}

# "[ok]: a test (3 ms)", "[err]: another in tests/unit/auth.tcl", in colours.  Numbers drawn by lot
# are in some names.
results_of() # FILE
{
	sed -e 's/\x1b\[[0-9;]*m//g' -e 's/\t/ /g' "$1" | tr -d '\000-\010\013-\037' | sed -nE \
		-e 's/^\[ok\]: (.*) \([0-9]+ ms\)$/\1\tok/p' \
		-e 's/^\[(err|exception|timeout)\]: (.*) in tests\/.*$/\2\tFAIL/p' \
		-e 's/^\[(exception|timeout)\]: (.*)$/\2\tFAIL/p' |
		sed -E -e 's/[0-9]{5,}/N/g' -e '/^PSYNC2: /s/[0-9]+/N/g' >&3
}

# Below the ports that other tests here take, whose servers may run at the same time.
base=$((11000 + RANDOM % 100 * 10))
compare run_suite
