#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# PostgreSQL: a postmaster that accepts, forks and closes; psql and pgbench.
. "$(dirname "$0")/lib.sh"
begin_postgres postgres pgbench
step "initdb"
"${as_user[@]}" "$(command -v initdb)" -D "$tmp/data" -A trust -U tester --no-sync \
	--locale=C >"$tmp/initdb.out" 2>&1 ||
	fail "initdb failed"

server() # PORT
{
	spawn server "${as_user[@]}" "${as_server[@]}" postgres -D "$tmp/data" -p "$1" -F \
		-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=40
	server=$spawned
	await_listen "$1"
	await "PostgreSQL to be ready" grep -q "ready to accept connections" "$tmp/server.out"
	: >"$tmp/server.out"
}

psql_to() # PORT ARGUMENT...
{
	"${as_client[@]}" psql -X -q -A -t -h "${host:-localhost}" -p "$1" -U tester \
		-d postgres -v ON_ERROR_STOP=1 "${@:2}"
}

client() # PORT TEXT
{
	psql_to "$1" -c "select '$2'"
}

hold() # PORT
{
	rm -f "$tmp/commands" "$tmp/answer"
	mkfifo "$tmp/commands"
	exec {commands}<>"$tmp/commands"
	spawn held "${as_client[@]}" psql -X -h 127.0.0.1 -p "$1" -U tester -d postgres \
		<"$tmp/commands"
	printf '\\o answer\nselect 6 * 7;\n\\o\n' >&"$commands"
	await "psql to be answered" grep -qs 42 "$tmp/answer"
}

sleeps()
{
	[ "$(psql_to "$port" -c "select 1 from pg_stat_activity
		where wait_event = 'PgSleep'")" = 1 ]
}

trial

fresh_port
server_as server
client_as client
server "$port"

step "a table out and in by COPY, compared by checksum"
fill="insert into t select n, repeat(md5(n::text), n % 2000)"
fill+=" from generate_series(1, 3000) n"
psql_to "$port" -c 'create table t (n int, v text)' -c "$fill" ||
	fail "psql cannot fill a table"
psql_to "$port" -c '\copy t to out.copy' && psql_to "$port" -c 'create table u (like t)' \
	-c '\copy u from out.copy' || fail "COPY failed"
[ "$(wc -l <out.copy)" -eq 3000 ] || fail "COPY wrote $(wc -l <out.copy) lines, not 3000"
sums=$(psql_to "$port" -c "select md5(string_agg(n || v, ',' order by n)) from t
	union all select md5(string_agg(n || v, ',' order by n)) from u" | sort | uniq -c)
[ "$(echo "$sums" | wc -l)" -eq 1 ] || fail "the tables differ: $sums"

step "COPY from one session to another"
psql_to "$port" -c 'copy t to stdout (format binary)' |
	psql_to "$port" -c 'truncate u' -c 'copy u from stdin (format binary)' || fail "COPY failed"
differ=$(psql_to "$port" -c 'select count(*) from t full join u using (n, v)
	where t is null or u is null')
[ "$differ" = 0 ] || fail "$differ rows differ"

step "a parallel query"
psql_to "$port" -c 'alter table t set (parallel_workers = 3)'
parallel="set max_parallel_workers_per_gather = 3; set parallel_leader_participation = off;
	set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0;
	set parallel_tuple_cost = 0"
rows="select n, v from t where n % 3 = 0"
got=$(psql_to "$port" -c "$parallel" -c "explain (analyze, costs off) $rows")
[[ $got == *"Workers Launched: 3"* ]] || fail "three workers were wanted: $got"
psql_to "$port" -c "$parallel" -c "$rows" | sort -n >parallel.rows || fail "psql failed"
psql_to "$port" -c "$rows order by n" >rows || fail "psql failed"
[ "$(wc -l <rows)" -eq 1000 ] && cmp rows parallel.rows || fail "the rows differ"

step "a query is cancelled, by a connection that psql makes in a signal handler"
rm -f "$tmp/asleep.out"
spawn asleep "${as_client[@]:2}" psql -X -h localhost -p "$port" -U tester -d postgres \
	-c 'select pg_sleep(60)'
await "a backend that sleeps" sleeps
kill -INT "$spawned"
await "psql to end" ended "$spawned"
grep -q 'canceling statement due to user request' "$tmp/asleep.out" ||
	fail "the query was not cancelled"

step "pgbench, kept connections, reconnects and threads"
"${as_client[@]}" pgbench -i -q -h localhost -p "$port" -U tester postgres \
	>"$tmp/pgbench.out" 2>&1 ||
	fail "pgbench -i failed"
balance=0
for options in "-c 8 -t 100" "-C -c 4 -t 50" "-C -S -j 2 -c 4 -t 50" \
	"-M prepared -j 2 -c 8 -t 100"; do
	CLIENT_BOUND=60 client_as client
	# shellcheck disable=SC2086 # the options are words
	"${as_client[@]}" pgbench -n $options -h localhost -p "$port" -U tester postgres \
		>"$tmp/pgbench.out" 2>&1 ||
		fail "pgbench $options failed"
	grep -q 'number of failed transactions: 0 ' "$tmp/pgbench.out" ||
		fail "pgbench $options lost transactions"
done
client_as client
[ "$(psql_to "$port" -c 'select count(*) from pgbench_history')" -eq 1800 ] ||
	fail "the history does not hold the 1800 transactions that pgbench was told of"
balance=$(psql_to "$port" -c 'select (select sum(abalance) from pgbench_accounts) =
	(select sum(delta) from pgbench_history)')
[ "$balance" = t ] || fail "the accounts do not sum up to the history"

step "one backend is killed, the others go on"
hold "$port"
victim=$(psql_to "$port" -c "select pid from pg_stat_activity where query like 'select 6 %'")
[ -n "$victim" ] || fail "the held session is not in pg_stat_activity"
psql_to "$port" -c "select pg_terminate_backend($victim)" >"$tmp/kill.out" ||
	fail "cannot end a backend"
echo 'select 1;' >&"$commands"
await "psql to see the end of its backend" \
	grep -qsE 'terminating connection|closed the connection' "$tmp/held.out"
answers "$port" still-here

finish
