-- A port that accepts TCP connections and never sends a byte. It listens, so the kernel completes the connection and
-- receives the ClientHello, but nothing ever calls accept. (Debian's nginx cannot wait within a TLS handshake: yielding
-- there needs a patch that only OpenResty has.)

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

-- Values for Linux.
local AF_INET, SOCK_STREAM = 2, 1
local LOOPBACK = 0x7F000001 -- 127.0.0.1
local BACKLOG = 4096        -- connections; closed ones keep their place, because they are never accepted

local function network_short(number)
  return bit.rshift(bit.bswap(number), 16)
end

-- Listens on the port until the process ends. Raises an error if it cannot.
function silence.listen(port)
  local fd = ffi.C.socket(AF_INET, SOCK_STREAM, 0)
  local address = ffi.new("struct tenant_address", AF_INET, network_short(port), bit.bswap(LOOPBACK))
  if fd < 0 or ffi.C.bind(fd, address, ffi.sizeof(address)) ~= 0 or ffi.C.listen(fd, BACKLOG) ~= 0 then
    error(("port %d: %s"):format(port, ffi.string(ffi.C.strerror(ffi.errno()))))
  end
end

return silence
