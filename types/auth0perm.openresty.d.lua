---@meta auth0perm.openresty
-- Written by `make reference` from the comments in the sources; do not edit.

--- The module for nginx: `local auth0perm = require "auth0perm.openresty"`.
---@class auth0perm.openresty
--- Its name and version.
---@field _VERSION string
local openresty = {}

--- Returns a list of all operations, as `auth0perm.operations` does.
---@return auth0perm.Operation[] operations
function openresty.operations() end

--- The options of `new` in nginx: those of `auth0perm.Options`, except `ca_file`, `proxy`, `http2`, `driver` and
--- `share_tokens`; and these.
---@class auth0perm.openresty.Options: auth0perm.Options
--- How many connections each worker may have open; further requests wait. Default: no limit, and up to 64 are kept.
---@field max_connections? integer
--- For how many seconds an idle connection is kept; 0 keeps none. Default 60.
---@field keepalive_timeout? number
--- The name of a `lua_shared_dict` in which all workers share tokens. Needs `client_id`.
---@field token_dict? string
--- Performs the requests instead of cosockets; may yield. Returns the response; or nil, a kind of `Call:fail` and a
--- message; or nil and a message.
---@field exchange? fun(request: auth0perm.Request): table?, string?, string?

--- Returns a list of the options of `new` in nginx, as `auth0perm.options` does for the module.
---@return auth0perm.Option[] options  a new table each time
function openresty.options() end

--- Holds what a worker's calls to one tenant share: connections, token, rate limit. Its methods are the operations.
--- nginx's own loop drives the calls, so the methods for other loops and for drivers of your own are missing.
---@class auth0perm.openresty.Client: auth0perm.Operations
local Client = {}

--- Makes a client for one tenant, in any phase. It has the methods of `auth0perm.Client`, except `prepare`, `pollfd`,
--- `events` and `timeout`; they yield instead of blocking. Its calls have no `on_done`. Share it among requests, in a
--- variable of a module. Raises an error for wrong types, unknown options, and values that nginx cannot serve. Returns
--- an error of kind `invalid` for other impossible values.
---@param options auth0perm.openresty.Options
---@return auth0perm.openresty.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function openresty.new(options) end

--- Iterates over a list while holding only one page of it, as `Client:each` of `auth0perm` does. Raises the error
--- object instead of returning it.
---@param operation string  a method that returns a list
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil after the last
function Client:each(operation, ...) end

--- Starts an operation without waiting for it. Light threads of the current request drive it, and the request does not
--- end before they do. `step` waits for it.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.openresty.Call? call
---@return auth0perm.Error? err  if the method would refuse its arguments
function Client:start(operation, ...) end

--- Lets started calls continue: waits until a call of the current request is done, for at most `seconds`. A call that
--- was done since the last `step` counts.
---@param seconds? number  default 0: only lets other light threads run
---@return integer? in_flight  calls of this request that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end

--- Ends this worker's calls in flight with an error of kind `closed`, and wipes the token. A method that waits for the
--- network returns when the network responds, or at its timeout. You may call it more than once.
function Client:close() end

--- A call that `start` returned in nginx. It belongs to the request that started it, and ends with that request.
---@class auth0perm.openresty.Call
local LightCall = {}

--- Returns whether the call is done.
---@return boolean done
function LightCall:done() end

--- Returns what the operation's method would have returned. Raises an error if the call is not done.
---@return any result
---@return auth0perm.Error? err
function LightCall:result() end

--- Ends the call and its connection at once. Its result is an error of kind `canceled`.
---@return boolean canceled  false if the call was done already
function LightCall:cancel() end

--- Returns what is known about its requests so far.
---@return auth0perm.CallInfo info
function LightCall:info() end

return openresty
