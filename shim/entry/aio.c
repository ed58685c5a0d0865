/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doors of POSIX asynchronous I/O, which moves bytes in threads of libc's own. */
#include "shim/life/door.h"

#include <aio.h>

/* aio(7): nobody uses it on sockets, where it is no faster; a session refuses it. */
static int refused(void)
{
	return (int)outcome_report(OUTCOME_NOT_SUPPORTED, true);
}

DOOR int aio_read(struct aiocb *request)
{
	return table_session(request->aio_fildes) ? refused() : real.aio_read(request);
}

DOOR int aio_read64(struct aiocb64 *request)
{
	return table_session(request->aio_fildes) ? refused() : real.aio_read64(request);
}

DOOR int aio_write(struct aiocb *request)
{
	return table_session(request->aio_fildes) ? refused() : real.aio_write(request);
}

DOOR int aio_write64(struct aiocb64 *request)
{
	return table_session(request->aio_fildes) ? refused() : real.aio_write64(request);
}

DOOR int lio_listio(int mode, struct aiocb *const list[], int count, struct sigevent *event)
{
	for (int i = 0; i < count; i++)
		if (list[i] && list[i]->aio_lio_opcode != LIO_NOP &&
		    table_session(list[i]->aio_fildes))
			return refused();
	return real.lio_listio(mode, list, count, event);
}

DOOR int lio_listio64(int mode, struct aiocb64 *const list[], int count, struct sigevent *event)
{
	for (int i = 0; i < count; i++)
		if (list[i] && list[i]->aio_lio_opcode != LIO_NOP &&
		    table_session(list[i]->aio_fildes))
			return refused();
	return real.lio_listio64(mode, list, count, event);
}
