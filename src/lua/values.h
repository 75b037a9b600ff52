/* values: values between Lua and the core: answers into digests and items, errors into tables,
 * and the checks that all arguments have in common. */
#ifndef AUTH0PERM_LUA_VALUES_H
#define AUTH0PERM_LUA_VALUES_H

#include <lua.h>

#include "../core/call.h"

/* Loads lua-cjson and makes the metatable of errors. Raises, and says so, where lua-cjson is missing. */
void values_open(lua_State *L);

/* Raises "bad argument #position to 'function' (message)". Positions are the user's: without `self`. */
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5), noreturn))
#endif
void values_raise(lua_State *L, int position, const char *function, const char *format, ...);

/* The name of a value's type; nil also where there is no value. */
const char *values_typename(lua_State *L, int index);

/* A number as text, or the name of another value's type. The text lives on the stack. */
const char *values_shown(lua_State *L, int index);

/* The string at a stack index; anything else, a number too, raises and names the argument. The string belongs to Lua. */
struct text values_check_string(lua_State *L, int index, int position, const char *function, const char *name);

/* Hands an answer to the call: its body is decoded where policy or the user wants to know it. The items of a list, or the
 * one object, are appended to the table at `items`, which need not be one for other operations. Raises nothing: where there
 * is no memory for that, the call fails. False when the host has interrupted it, by a hook that raises: the call is
 * canceled, and the value that was raised is pushed, to be raised again when that does no harm. */
bool values_feed(lua_State *L, int items, struct call *call, struct response *response, struct text body, double now);

/* Pushes an error as users see it. */
void values_push_error(lua_State *L, const struct error *error, const char *operation);

/* Pushes nil and the error; returns 2, to be returned to Lua. */
int values_return_error(lua_State *L, const struct error *error, const char *operation);

#endif
