/* arguments: an operation's arguments, as Lua gives them, become its request. */
#ifndef AUTH0PERM_LUA_ARGUMENTS_H
#define AUTH0PERM_LUA_ARGUMENTS_H

#include <lua.h>

#include <stdbool.h>

struct call;
struct caller;
struct error;

/* Reads the arguments of the call's operation, which begin at stack index `first` and have the user's position
 * `position`, into the call. Wrong types raise; wrong values return false. */
bool arguments_read(lua_State *L, int first, int position, const struct caller *caller, struct call *call,
                    struct error *error);

#endif
