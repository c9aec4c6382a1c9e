/* Makes or joins a user namespace and makes a network namespace in it, for a caller of many threads that cannot. */
#ifndef SHIM_NAMESPACES_H
#define SHIM_NAMESPACES_H

/*
 * `user` names the user namespace to join, or is empty for a new one. Writes the number of the error, or 0, as a
 * byte to descriptor 3, and holds the namespaces until the other end is closed. Returns the exit status.
 */
int hold_namespaces(const char *user);

#endif
