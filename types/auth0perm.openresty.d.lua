---@meta auth0perm.openresty
-- Written by `make reference` from the comments in the sources; do not edit.

--- The module for nginx: `local auth0perm = require "auth0perm.openresty"`.
---@class auth0perm.openresty
--- Its name and version.
---@field _VERSION string
local openresty = {}

--- Lists the operations that there are, as `auth0perm.operations` does.
---@return auth0perm.Operation[] operations
function openresty.operations() end

--- What `new` takes in nginx: the options of `auth0perm.Options`, but for `ca_file`, `proxy`, `http2`, `driver` and
--- `share_tokens`, and these.
---@class auth0perm.openresty.Options: auth0perm.Options
--- Connections at once, in each worker: further requests wait for one. Default: no bound, and up to 64 are kept.
---@field max_connections? integer
--- Seconds that a connection is kept for the next request; 0 keeps none. Default 60.
---@field keepalive_timeout? number
--- The name of a `lua_shared_dict` in which all workers share tokens. With `client_id`.
---@field token_dict? string
--- Performs the requests in place of cosockets; may yield. Returns the answer; or nil and why there is none: a kind of
--- `Call:fail` with a message, or a message alone.
---@field exchange? fun(request: auth0perm.Request): table?, string?, string?

--- Lists the options of `new` in nginx, as `auth0perm.options` does for the module.
---@return auth0perm.Option[] options  a new table each time
function openresty.options() end

--- What calls of a worker to one tenant share: connections, token, rate limit. The operations are its methods. nginx's
--- own loop drives the calls; so what is for other loops, or for a driver of your own, is not there.
---@class auth0perm.openresty.Client: auth0perm.Operations
local Client = {}

--- Makes a client for one tenant, in any phase. It has the methods of `auth0perm.Client`, which yield instead of
--- blocking, but for `prepare`, `pollfd`, `events` and `timeout`; its calls have no `on_done`. Share it among requests,
--- as a variable of a module. Raises for wrong types, unknown options, and values that nginx cannot serve; returns an
--- error of kind `invalid` for others that cannot be right.
---@param options auth0perm.openresty.Options
---@return auth0perm.openresty.Client? client
---@return auth0perm.Error? err  of kind `invalid` or `memory`
function openresty.new(options) end

--- Goes through a list without holding more than one page of it, as `Client:each` of `auth0perm` does: raises the error
--- object where a method would return it.
---@param operation string  a method that returns a list
---@param ... any  the method's arguments
---@return fun(): any iterator  the next item, or nil behind the last
function Client:each(operation, ...) end

--- Starts an operation without waiting for it: light threads of the current request drive it, and the request ends when
--- they have. `step` waits for it.
---@param operation string  a method's name
---@param ... any  the method's arguments
---@return auth0perm.openresty.Call? call
---@return auth0perm.Error? err  where the method would have refused
function Client:start(operation, ...) end

--- Lets started calls go on: waits until one of the current request's ends, at most so many seconds. One that has ended
--- since the last `step` counts.
---@param seconds? number  default 0: only lets other light threads run
---@return integer? in_flight  calls of this request that are not done yet
---@return auth0perm.Error? err  of kind `closed`
function Client:step(seconds) end

--- Ends this worker's calls that are under way with an error of kind `closed`, and wipes the token. A method that waits
--- for the network returns when that has answered or its time is over. May be called again.
function Client:close() end

--- A call that `start` of a client in nginx returned. It belongs to the request that started it, and ends with it.
---@class auth0perm.openresty.Call
local LightCall = {}

--- Whether the result is there.
---@return boolean done
function LightCall:done() end

--- What the operation's method would have returned. Raises while the call is not done.
---@return any result
---@return auth0perm.Error? err
function LightCall:result() end

--- Ends the call, and its connection, at once: its result is an error of kind `canceled`.
---@return boolean canceled  false where the call was done already
function LightCall:cancel() end

--- What is known of its requests so far.
---@return auth0perm.CallInfo info
function LightCall:info() end

return openresty
