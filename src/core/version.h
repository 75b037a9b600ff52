/* version: the module's name and version, for the tenant's logs and for Lua. */
#ifndef AUTH0PERM_CORE_VERSION_H
#define AUTH0PERM_CORE_VERSION_H

#define MODULE_NAME "auth0perm"
#define MODULE_VERSION "0.1.0"

#endif
