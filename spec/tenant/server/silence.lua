-- A port that takes TCP connections and never says a word: it listens, so the kernel completes the connection and
-- takes the ClientHello, but nobody ever accepts. (Debian's nginx cannot wait within a TLS handshake: yielding there
-- takes a patch that only OpenResty's has.)

local ffi = require "ffi"
local bit = require "bit"

local silence = {}

ffi.cdef [[
  struct tenant_address { uint16_t family; uint16_t port; uint32_t host; uint8_t zero[8]; };
  int socket(int domain, int type, int protocol);
  int bind(int fd, const struct tenant_address *address, unsigned int size);
  int listen(int fd, int backlog);
  char *strerror(int code);
]]

-- Linux's numbers.
local AF_INET, SOCK_STREAM = 2, 1
local LOOPBACK = 0x7F000001 -- 127.0.0.1
local BACKLOG = 4096        -- connections; closed ones keep their place, because nobody accepts them

local function network_short(number)
  return bit.rshift(bit.bswap(number), 16)
end

-- Listens on the port for the life of the process; raises when it cannot.
function silence.listen(port)
  local fd = ffi.C.socket(AF_INET, SOCK_STREAM, 0)
  local address = ffi.new("struct tenant_address", AF_INET, network_short(port), bit.bswap(LOOPBACK))
  if fd < 0 or ffi.C.bind(fd, address, ffi.sizeof(address)) ~= 0 or ffi.C.listen(fd, BACKLOG) ~= 0 then
    error(("port %d: %s"):format(port, ffi.string(ffi.C.strerror(ffi.errno()))))
  end
end

return silence
