/** Where authorities and client certificates of registries lie, when the command line itself speaks to one: ours, else Docker's. */
export const certificatesDirectories: readonly string[] = ['/etc/dhow/certs.d', '/etc/docker/certs.d'];
