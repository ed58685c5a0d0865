#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# PostgreSQL: pg_basebackup, a standby that streams, COPY both ways, parallel workers.
. "$(dirname "$0")/lib.sh"
begin_postgres standby pg_basebackup

# The standby is client of the first server and server of its own port.
policies() # PORT
{
	free_port
	second=$free
	policies_with_hop "$1" "$second" "$1" "$1, $second"
}

postgres_at() # PORT DATA
{
	spawn "$2" "${as_user[@]}" "${as_server[@]}" postgres -D "$tmp/$2" -p "$1" -F \
		-c listen_addresses=127.0.0.1 -c unix_socket_directories= \
		-c min_parallel_table_scan_size=0 -c parallel_setup_cost=0 \
		-c parallel_tuple_cost=0 -c max_parallel_workers_per_gather=4
	await_listen "$1"
	await "PostgreSQL to be ready" grep -qE "ready to accept (read-only )?connections" \
		"$tmp/$2.out"
}

ask() # PORT PSQL-ARGUMENT...
{
	"${as_client[@]}" psql -X -q -A -t -h localhost -p "$1" -U tester -d postgres \
		-v ON_ERROR_STOP=1 "${@:2}"
}

sum_of='select count(*) || md5(string_agg(n || v, chr(44) order by n)) from t'
in_step()
{
	[ "$(ask "$second" -c "$sum_of" 2>>"$tmp/client.out")" = "$(ask "$port" -c "$sum_of")" ]
}

step "initdb"
"${as_user[@]}" "$(command -v initdb)" -D "$tmp/first" -A trust -U tester --no-sync \
	--locale=C >"$tmp/initdb.out" 2>&1 || fail "initdb failed"
fresh_port
server_as server
CLIENT_BOUND=60 client_as client
postgres_at "$port" first
first=$spawned

step "30 MiB by COPY from a pipe and to a pipe, by checksum"
ask "$port" -c 'create table t (n int, v text)' || fail "no table"
seq 1 30000 | awk '{ v = sprintf("%s-%x;", $1, $1 * 7919); while (length(v) < $1 % 2000) v = v v
	print $1 "\t" v }' >"$tmp/in.copy"
ask "$port" -c 'copy t from stdin' <"$tmp/in.copy" || fail "COPY from stdin failed"
ask "$port" -c 'copy (select * from t order by n) to stdout' >"$tmp/out.copy" ||
	fail "COPY to stdout failed"
cmp "$tmp/in.copy" "$tmp/out.copy" || fail "the rows came back changed"

step "parallel workers, and one client that goes away in the middle of their work"
ask "$port" -c "explain (analyze, costs off) select count(*), max(md5(v)) from t" \
	>"$tmp/plan.out" || fail "no parallel query"
grep -q 'Workers Launched: [1-9]' "$tmp/plan.out" || fail "there were no parallel workers"
"${as_client[@]}" psql -X -q -h localhost -p "$port" -U tester -d postgres \
	-c 'copy (select a.v from t a, t b) to stdout' 2>/dev/null | head -c 3000000 >"$tmp/part"
[ "$(wc -c <"$tmp/part")" -eq 3000000 ] || fail "an endless answer ended"

step "pg_basebackup, and what the wire shows of it"
ask "$port" -c "create table told (v text)" -c "insert into told values ('$marker')" \
	-c checkpoint || fail "cannot write"
eavesdrop "$port"
# Not faster than tcpdump can write it down.
"${as_user[@]}" "${as_server[@]}" timeout 60 pg_basebackup -h localhost -p "$port" -U tester \
	-D "$tmp/second" -R -X stream -c fast --no-sync --max-rate 32M >"$tmp/backup.out" 2>&1 ||
	fail "pg_basebackup failed"
overheard
if [ "$MODE" = bare ]; then
	wire_shows "$marker"
else
	wire_hides "$marker"
	wire_is_tls13
fi

step "a standby follows"
postgres_at "$second" second
session_right accept "$port" spiffe://test/server
ask "$port" -c "insert into t select n, repeat(md5(n::text), n % 300) from
	generate_series(30001, 40000) n" -c "delete from t where n % 7 = 0" || fail "cannot write"
AWAIT=20 await "the standby to be in step" in_step
[ "$(ask "$second" -c 'select v from told')" = "$marker" ] || fail "the standby knows less"

step "the first server is stopped and comes back; the standby goes on"
stop "$first"
: >"$tmp/first.out"
postgres_at "$port" first
ask "$port" -c "update t set v = 'new' where n % 5 = 0" || fail "cannot write"
AWAIT=20 await "the standby to be in step again" in_step
ask "$second" -c 'select pg_promote()' | grep -qx t || fail "the standby cannot be promoted"
ask "$second" -c "insert into told values ('more')" || fail "the promoted standby takes nothing"

finish
