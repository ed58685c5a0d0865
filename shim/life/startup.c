/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens before main, in this order. */
#include "shim/base/log.h"
#include "shim/base/process.h"
#include "shim/base/real.h"
#include "shim/base/root.h"
#include "shim/base/table.h"
#include "shim/life/birth.h"
#include "shim/life/carrier.h"
#include "shim/life/environment.h"
#include "shim/life/fork.h"
#include "shim/life/inherit.h"
#include "shim/registry/writer.h"
#include "shim/session/rulebook.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

/* The environment is read here and never again: nginx empties it, others write into it. */
static char policy_path[PATH_MAX] = "/etc/sleeve/policy.conf";
static char rundir[PATH_MAX], xdg_runtime_dir[PATH_MAX], service[256];
static char executable[PATH_MAX], command[4096];

static void copy(char *to, size_t size, const char *value)
{
	if (strlen(value) < size)
		memcpy(to, value, strlen(value) + 1);
}

static const char *read_environment(char **environment)
{
	static char log_spec[PATH_MAX];
	static const struct {
		const char *name;
		char *to;
		size_t size;
	} known[] = {
		{"SLEEVE_POLICY=", policy_path, sizeof policy_path},
		{"SLEEVE_RUNDIR=", rundir, sizeof rundir},
		{"SLEEVE_SERVICE=", service, sizeof service},
		{"SLEEVE_LOG=", log_spec, sizeof log_spec},
		{"XDG_RUNTIME_DIR=", xdg_runtime_dir, sizeof xdg_runtime_dir},
	};
	for (char **e = environment; e && *e; e++)
		for (size_t i = 0; i < sizeof known / sizeof *known; i++)
			if (strncmp(*e, known[i].name, strlen(known[i].name)) == 0)
				copy(known[i].to, known[i].size, *e + strlen(known[i].name));
	return log_spec;
}

/* A relative policy must survive a later chdir. */
static void make_absolute(void)
{
	char folder[PATH_MAX];
	if (policy_path[0] == '/' || !getcwd(folder, sizeof folder))
		return;
	size_t length = strlen(folder);
	if (length + 1 + strlen(policy_path) >= sizeof policy_path)
		return;
	folder[length] = '/';
	memmove(policy_path + length + 1, policy_path, strlen(policy_path) + 1);
	memcpy(policy_path, folder, length + 1);
}

static void read_command(int argc, char **argv)
{
	ssize_t size = readlink("/proc/self/exe", executable, sizeof executable - 1);
	if (size < 0)
		copy(executable, sizeof executable, argc ? argv[0] : "?");
	size_t used = 0;
	for (int i = 0; i < argc; i++) {
		size_t length = strlen(argv[i]);
		if (used + length + 2 > sizeof command)
			break;
		memcpy(command + used, argv[i], length);
		used += length;
		command[used++] = ' ';
	}
	command[used ? used - 1 : 0] = 0;
}

static void complain(const char *message)
{
	log_say(LOG_LEVEL_WARN, "%s", message);
}

/*
 * After each line works: libc without us; who we are, and where; speaking; the registry's settings;
 * the policy and its identities, while the program may still read them; the table, from where on
 * connections are seen; those that are there already; forks.  A set-uid program (getauxval(3),
 * AT_SECURE) would take its policy from whoever starts it, so the environment is not looked at.
 */
__attribute__((constructor)) static void start(int argc, char **argv, char **environment)
{
	int saved = errno;
	real_resolve();
	real_look_behind();
	process_begin();
	root_begin(process_lowest_own());
	if (getauxval(AT_SECURE))
		environment = NULL;
	const char *log_spec = read_environment(environment);
	environment_start(environment);
	make_absolute();
	read_command(argc, argv);
	carrier_start(argc, argv);
	if (!log_init(log_spec, executable))
		log_say(LOG_LEVEL_ERROR,
		        "SLEEVE_LOG=%s is not understood; it is error, warn, info or "
		        "debug, then :stderr, :syslog or :/path", log_spec);
	registry_init(&(struct registry_settings){
		.rundir = rundir[0] ? rundir : NULL,
		.xdg_runtime_dir = xdg_runtime_dir[0] ? xdg_runtime_dir : NULL,
		.program = executable,
		.service = service[0] ? service : NULL,
		.lowest_fd = process_lowest_own(),
		.complain = complain,
	});
	rulebook_start(&(struct rulebook_settings){
		.path = policy_path,
		.program = {executable, command, service[0] ? service : NULL, 0},
		.lowest_fd = process_lowest_own(),
	});
	if (!table_init())
		log_say(LOG_LEVEL_ERROR, "no address space for the table of descriptors (16 MiB); "
		        "connections on numbers from 1024 on cannot be made TLS and are refused");
	birth_guard_own(); /* before the program: daemons begin by closing whatever there is */
	if (rulebook_concerns())
		inherit_start();
	fork_start();
	errno = saved;
}
