/*
 * The protocol between shim and daemon, over unix stream sockets.
 *
 * A client of the socket `sock` first sends one hello: 8 bytes, FRAME_HELLO, its ROLE_ bits, six zeros.
 * The shim answers with one byte, FRAME_HELLO, once the client is in its place. From then on
 *  - a control client exchanges frames: 8 bytes [type, 0, 0, 0, length as 32 bits big-endian], then the payload;
 *    A hello whose third byte is 1 has in its last four, big-endian, a descriptor of the sender's for the connection
 *    of a client. With the answer FRAME_TAKEN the shim serves that itself; the socket then carries nothing more,
 *    ends when the connection has got everything, and ends the service when the daemon closes it.
 *  - any other client sends standard input as raw bytes (its end of file closes its stdin) and receives what
 *    the Engine API's attach stream carries: raw bytes with a terminal, else frames whose type is 1 for
 *    standard output and 2 for standard error; end of file once the process has ended and all was sent.
 * Clients handed over at the start (file descriptor 3: control; 4 and up: the others) send no hello.
 * All numbers are big-endian.
 */
#ifndef SHIM_FRAMES_H
#define SHIM_FRAMES_H

enum frame_type {
	FRAME_STARTED = 1, /* to the daemon: u32 pid, u32 the shim's pid, u64 nanoseconds since 1970 */
	FRAME_FAILED = 2,  /* to the daemon: u32 wait status of the runtime, its log, NUL, its standard error */
	FRAME_EXITED = 3,  /* to the daemon: u32 exit code, u64 nanoseconds since 1970, u32 signal that ended it or 0 */
	FRAME_RESIZE = 5,  /* from the daemon: u16 rows, u16 columns */
	FRAME_HELLO = 6,
	FRAME_ABORT = 7,   /* from the daemon, no payload: give up a start that is under way */
	FRAME_TAKEN = 8,   /* the answer to a hello with a connection that is served directly from now on */
};

enum { FRAME_HEADER = 8 };

enum role {
	ROLE_STDIN = 1,
	ROLE_STDOUT = 2,
	ROLE_STDERR = 4,
	ROLE_CONTROL = 8,
};

#endif
