/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeping wolfSSL's own locks out of a forked child. */
#ifndef SLEEVE_TLS_GATE_H
#define SLEEVE_TLS_GATE_H

/*
 * wolfSSL has locks of its own (its tables of CAs and CRLs, its heap here) and no fork handlers:
 * a child forked while another thread is in a handshake would find them locked for ever.  So
 * handshakes, contexts and frees pass a gate that fork closes.  Moving data takes none of those
 * locks and passes no gate.  fork waits for a handshake step at most, about half a millisecond.
 */
void gate_enter(void);
void gate_leave(void);

/* Around fork(2). */
void gate_close(void);
void gate_open(void);
/* The child's side: whoever waited at the gate is not here. */
void gate_renew(void);

#endif
