#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# PostgreSQL's regression tests, through psql and a server that meet on 127.0.0.1 only.
# ONLY="test_setup copy" runs some tests, in that order.
. "$(dirname "$0")/lib.sh"
for bin in /usr/lib/postgresql/*/bin; do
	PATH=$bin:$PATH
done
suite postgres initdb postgres psql pg_config gcc
version=15.18
postgres --version | grep -q " 15\." || skip "the regression tests are those of PostgreSQL 15"
tool=$(pg_config --pgxs)
tool=${tool%/makefiles/pgxs.mk}/test/regress/pg_regress
[ -x "$tool" ] || skip "no pg_regress here (postgresql-server-dev)"
source_of postgresql-15 $version postgresql-15_$version.orig.tar.bz2 \
	11df0df97fe3ea4ba9a791faaf39cee1d2fe571e78885b5b55d8517d27c323b4 bookworm \
	https://ftp.postgresql.org/pub/source/v$version/postgresql-$version.tar.bz2

mkdir "$tmp/libraries" && cp -R "$source/src/test/regress" "$tmp/regress" &&
	cp "$(pg_config --pkglibdir)"/{autoinc,refint}.so "$tmp/libraries/" &&
	gcc -shared -fPIC -O1 -w -I"$(pg_config --includedir-server)" \
		-o "$tmp/libraries/regress.so" "$source/src/test/regress/regress.c" ||
	fail "the tests cannot be prepared"
unprivileged postgres postgres
export LC_ALL=C.UTF-8

run_regress()
{
	local options=(--bindir= --inputdir="$tmp/regress" --outputdir="$work"
		--dlpath="$tmp/libraries" --host=127.0.0.1 --user=postgres
		--encoding=UTF8 --max-connections=20)
	free_port
	port=$free
	options+=(--port="$port")
	"${as_user[@]}" initdb -D "$work/data" -A trust -U postgres --no-sync --no-locale \
		-E UTF8 >/dev/null || return
	spawn "server-$way" "${as_user[@]}" "${as[@]}" "$(command -v postgres)" \
		-D "$work/data" -p "$port" -F -c listen_addresses=127.0.0.1 \
		-c unix_socket_directories= -c max_prepared_transactions=2
	await_listen "$port"
	await "PostgreSQL to be ready" grep -q "ready to accept connections" \
		"$tmp/server-$way.out"
	[ -n "${ONLY:-}" ] || options+=(--schedule="$tmp/regress/parallel_schedule")
	# shellcheck disable=SC2086 # several words
	"${as_user[@]}" "${as[@]}" "$tool" "${options[@]}" ${ONLY:-} | tee "$work/out"
	[ ! -s "$work/regression.diffs" ] || head -n 200 "$work/regression.diffs"
	stop "$spawned"
	results_of "$work/out"
}

# "test boolean      ... ok      23 ms", "     boolean     ... FAILED      23 ms"
results_of() # FILE
{
	sed -nE -e 's/^(test)? +([a-z0-9_.-]+) +\.\.\. (ok|FAILED|failed).*/\2\t\3/p' "$1" >&3
}


compare run_regress
