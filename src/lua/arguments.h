/* arguments: turns an operation's arguments, as Lua gives them, into its request. */
#ifndef AUTH0PERM_LUA_ARGUMENTS_H
#define AUTH0PERM_LUA_ARGUMENTS_H

#include <lua.h>

#include <stdbool.h>

struct call;
struct caller;
struct error;

/* Reads the arguments of the call's operation into the call. They begin at stack index `first`; `position` is the
 * position of the first one as the user sees it. Wrong types raise; wrong values return false, with an error of kind
 * invalid. */
bool arguments_read(lua_State *L, int first, int position, const struct caller *caller, struct call *call,
                    struct error *error);

#endif
