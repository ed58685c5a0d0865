/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections that are open when the program starts. */
#ifndef SLEEVE_LIFE_INHERIT_H
#define SLEEVE_LIFE_INHERIT_H

/*
 * inetd(8) and exec(3) hand connected sockets to a new image.  What the policy leaves in plaintext
 * is noted and left alone.  What it wants under TLS becomes a session if nobody has used it yet,
 * on 0, 1 and 2 a carried one, for stdio in libc does not pass our doors.  What has been used, or
 * is denied, is taken out of service; on 0, 1 and 2 the connection is ended.  Once, at start.
 */
void inherit_start(void);

/* The same for one that another process has sent (unix(7), SCM_RIGHTS).  Keeps errno. */
void inherit_arrived(int fd);

/*
 * The same for a socket that was ours before it was connected, by another process or past our
 * doors.  Whoever did it may have its keys, or have used it already: what the policy does not leave
 * in plaintext is taken out of service.  Keeps errno.
 */
void inherit_connected(int fd);

#endif
