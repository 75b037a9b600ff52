-- The OpenResty driver's own HTTP/1.1 framing, without a socket.

package.path = "./src/?.lua;" .. package.path
local http1 = require "auth0perm.openresty.http1"

local MEGABYTE = 1024 * 1024

-- Reads a response that arrives in these pieces, after which the connection ends. Returns what http1.read does, and how
-- many pieces it took and how many pauses it made.
local function read(...)
  local pieces, taken, pauses = { ... }, 0, 0
  local response, reusable, message = http1.read(function()
    if taken == #pieces then return nil, "closed" end
    taken = taken + 1
    return pieces[taken]
  end, function() pauses = pauses + 1 end)
  return response, reusable, message, taken, pauses
end

-- Returns a list of the bytes of a text.
local function bytes_of(text)
  local bytes = {}
  for i = 1, #text do bytes[i] = text:sub(i, i) end
  return bytes
end

-- Reads a response in one piece and byte by byte, and returns it.
local function parse(text)
  local whole, reusable = assert(read(text))
  local again, still = read((table.unpack or unpack)(bytes_of(text))) -- luacheck: ignore 143 113
  assert.same({ whole, reusable }, { again, still })
  return whole, reusable
end

-- Checks that a response is refused with this kind and message.
local function refused(kind, message, ...)
  local response, got, why = read(...)
  assert.is_nil(response)
  assert.same({ kind, message }, { got, why })
end

describe("a request", function()
  it("is written with its target, host, headers and length", function()
    local bytes = http1.write {
      method = "DELETE",
      url = "https://acme.test:8443/api/v2/users/a%7Cb?x=1",
      headers = { Accept = "application/json" },
      body = "{}",
    }
    assert.equal("DELETE /api/v2/users/a%7Cb?x=1 HTTP/1.1\r\nHost: acme.test:8443\r\n"
      .. "Accept: application/json\r\nContent-Length: 2\r\n\r\n{}", bytes)
  end)

  it("has no Content-Length for GET without a body, and 0 for other methods without one", function()
    assert.equal("GET / HTTP/1.1\r\nHost: a\r\n\r\n", http1.write { method = "GET", url = "https://a/", headers = {} })
    assert.equal("DELETE / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
      http1.write { method = "DELETE", url = "https://a/", headers = {} })
  end)
end)

describe("a response", function()
  it("has a status, headers and a body of its Content-Length", function()
    local response, reusable = parse "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A:  b \r\nx-a: c\r\n\r\nhello"
    assert.equal(200, response.status)
    assert.equal("hello", response.body)
    assert.same({ "b", "c" }, response.headers["x-a"])
    assert.is_true(reusable)
  end)

  it("may have no reason phrase, and lines that end in a line feed alone", function()
    assert.equal("x", (parse "HTTP/1.1 200\nContent-Length: 1\n\nx").body)
    assert.equal(418, (parse "HTTP/1.1 418 \r\nContent-Length: 0\r\n\r\n").status)
  end)

  it("may come in chunks, with extensions and trailers", function()
    local response, reusable = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
      .. "3;a=b\r\nabc\r\n00A \r\n0123456789\r\n0;last\r\nX-Trailer: 1\r\n\r\n")
    assert.equal("abc0123456789", response.body)
    assert.is_nil(response.headers["x-trailer"])
    assert.is_true(reusable)
  end)

  it("has no body with 204 and 304, whatever its headers say", function()
    assert.same({ 204, "" }, { parse("HTTP/1.1 204 No Content\r\n\r\n").status, (parse "HTTP/1.1 204 X\r\n\r\n").body })
    assert.is_true(select(2, parse "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"))
    assert.is_false((select(2, parse "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n")))
    assert.is_false((select(2, parse "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n")))
  end)

  it("may follow 1xx responses", function()
    local informed = ("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n"):rep(3) .. "HTTP/1.1 100 Continue\r\n\r\n"
    local response = parse(informed .. "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
    assert.equal(200, response.status)
    assert.is_nil(response.headers.link)
    refused("protocol", "too many 1xx responses", ("HTTP/1.1 100 Continue\r\n\r\n"):rep(17))
    refused("protocol", "unexpected status 101 (Switching Protocols)", "HTTP/1.1 101 Switching\r\n\r\n")
  end)

  it("lasts until the connection ends if it has no length, and is the last one on it", function()
    local response, reusable = parse "HTTP/1.1 200 OK\r\n\r\nhello"
    assert.equal("hello", response.body)
    assert.is_false(reusable)
  end)

  it("says whether the connection can be reused", function()
    local head = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: %s\r\n\r\n"
    assert.is_false((select(2, parse(head:format "close"))))
    assert.is_false((select(2, parse(head:format "keep-alive , Close"))))
    assert.is_true((select(2, parse(head:format "keep-alive"))))
    assert.is_false((select(2, parse "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")))
    assert.is_false((select(2, read "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n")))
  end)

  it("is not a success if it ends too early", function()
    refused("transport", "the connection was closed before a response arrived")
    for _, part in ipairs {
      "HTT",
      "HTTP/1.1 200 OK",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n1234",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
    } do
      refused("transport", "the connection was closed in the middle of the response", part)
    end
  end)

  it("is refused if it is not HTTP/1.1", function()
    refused("protocol", "the response is not HTTP", "SSH-2.0-OpenSSH\r\n")
    refused("protocol", "the response is not HTTP", "garbage that has no line end")
    for _, line in ipairs { "HTTP/2 200 OK", "HTTP/1.1 20 X", "HTTP/1.1 2000 X", "HTTP/1.1 099 X", "HTTP/1.1",
      "HTTP/11 200" } do
      refused("protocol", "malformed status line in the response", line .. "\r\n\r\n")
    end
  end)

  it("is refused for a malformed header line", function()
    for _, line in ipairs { "no colon", ": no name", "Name : x", " folded: x", "X: a\r\n b", "X: a\0b", "X: a\rb",
      "N\195: x" } do
      refused("protocol", "malformed header line in the response", "HTTP/1.1 200 OK\r\n" .. line .. "\r\n\r\n")
    end
  end)

  it("is refused for an invalid length, or two different ones", function()
    local head = "HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\n"
    for _, length in ipairs { "", "-1", "+1", "1x", "0x1", "1.5", "1 1", "1,", ",1", "1;1" } do
      refused("protocol", "invalid Content-Length in the response", head:format(length))
    end
    refused("protocol", "conflicting Content-Length values in the response", head:format "1, 2")
    refused("protocol", "conflicting Content-Length values in the response",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n")
    assert.equal("x", (parse "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\nContent-Length: 1\r\n\r\nx").body)
  end)

  it("is refused with both a length and chunks, and in codings that were not requested", function()
    refused("protocol", "the response has both Content-Length and Transfer-Encoding",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    for _, coding in ipairs { "gzip, chunked", "chunked, chunked", "identity", "" } do
      refused("protocol", "unsupported Transfer-Encoding in the response",
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: %s\r\n\r\n0\r\n\r\n"):format(coding))
    end
  end)

  it("is refused for a chunk without a length, or one longer than its length", function()
    local head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _, line in ipairs { "", "x", "-1", "0x1", "1 1", " 1" } do
      refused("protocol", "invalid chunk length in the response", head .. line .. "\r\nx\r\n0\r\n\r\n")
    end
    refused("protocol", "a chunk of the response is longer than its stated length", head .. "1\r\nxyz\r\n0\r\n\r\n")
    refused("protocol", "a chunk header in the response is too long",
      head .. "1;" .. ("x"):rep(5000) .. "\r\nx\r\n")
  end)

  it("has at most 64 KiB of headers, including 1xx responses and trailers, and no more is read", function()
    local refusal = "the response headers are larger than 64 KiB"
    local kilobyte = "X-A: " .. ("a"):rep(1017) .. "\r\n"
    refused("protocol", refusal, "HTTP/1.1 200 OK\r\n" .. kilobyte:rep(65) .. "\r\n")
    refused("protocol", refusal, ("HTTP/1.1 100 Continue\r\n" .. kilobyte:rep(10) .. "\r\n"):rep(7))
    refused("protocol", refusal,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" .. kilobyte:rep(65) .. "\r\n")
    local endless = { "HTTP/1.1 200 OK\r\nX-Endless: " }
    for i = 2, 100 do endless[i] = kilobyte:gsub("\r\n", "") end
    assert.is_true(select(4, read((table.unpack or unpack)(endless))) < 70) -- luacheck: ignore 143 113
    assert.equal(200, (parse("HTTP/1.1 200 OK\r\n" .. kilobyte:rep(3) .. "Content-Length: 0\r\n\r\n")).status)
  end)

  it("has a body of at most 8 MiB, and no more is read", function()
    local refusal = "the response body is larger than 8 MiB"
    refused("protocol", refusal, "HTTP/1.1 200 OK\r\nContent-Length: 8388609\r\n\r\n")
    refused("protocol", refusal, "HTTP/1.1 200 OK\r\nContent-Length: " .. ("9"):rep(400) .. "\r\n\r\n")
    refused("protocol", refusal, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFFFF\r\n")
    local megabyte = ("x"):rep(MEGABYTE)
    local chunk = "100000\r\n" .. megabyte .. "\r\n"
    refused("protocol", refusal, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunk, chunk, chunk, chunk,
      chunk,
      chunk, chunk, chunk, "1\r\n")
    refused("protocol", refusal, "HTTP/1.1 200 OK\r\n\r\n", megabyte, megabyte, megabyte, megabyte, megabyte, megabyte,
      megabyte, megabyte, "x", "never taken")
    assert.equal(8 * MEGABYTE,
      #(assert(read("HTTP/1.1 200 OK\r\nContent-Length: 8388608\r\n\r\n", megabyte:rep(4), megabyte:rep(4)))).body)
  end)

  it("has at most 16 MiB in all, however small its chunks are", function()
    local chunks = ("1\r\nx\r\n"):rep(MEGABYTE)
    refused("protocol", "the response is larger than 16 MiB", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      chunks, chunks,
      chunks)
  end)

  it("passes on the error of the function that reads from the connection", function()
    local response, kind, message = http1.read(function() return nil, "timeout", "too late" end)
    assert.same({ nil, "timeout", "too late" }, { response, kind, message })
    assert.error_matches(function() http1.read(function() error("mine", 0) end) end, "^mine$")
  end)

  it("is stripped of spaces and tabs around a header's value, but not inside", function()
    for value, expected in pairs { ["a b"] = "a b", [" \t a \t b\t "] = "a \t b", [""] = "", [" \t "] = "",
      [":"] = ":" } do
      assert.same({ expected }, parse("HTTP/1.1 204 X\r\nX-A:" .. value .. "\r\n\r\n").headers["x-a"])
    end
    assert.equal("x", (parse "HTTP/1.1 200 OK\r\nContent-Length: \t 1 , 01\t\r\n\r\nx").body)
  end)
end)

describe("reading", function()
  local LENGTH = 60000

  -- Returns the CPU seconds that reading a response takes.
  local function time_of(text)
    collectgarbage()
    local began = os.clock()
    read(text)
    return os.clock() - began
  end

  -- Returns a response of this many bytes that need no work.
  local function plain(length)
    return "HTTP/1.1 204 No Content\r\nX-A: " .. ("a"):rep(length) .. "\r\n\r\n"
  end

  -- Code whose time is quadratic in the length would take more than 10,000 times as long as for the plain response.
  it("takes no longer for a line crafted to match slowly than for another of the same length", function()
    local head = "HTTP/1.1 200 OK\r\n"
    local spaces, zeros = (" "):rep(LENGTH), ("0"):rep(LENGTH)
    local slow = {
      "X-A: a" .. spaces .. "a",
      "X-A:" .. spaces,
      "X-A:" .. spaces .. "\r",
      "X-A: a" .. spaces .. "\0",
      "X-A" .. spaces,
      ("a"):rep(LENGTH),
      (":"):rep(LENGTH),
      ("\r"):rep(LENGTH),
      "X-A: " .. ("\r"):rep(LENGTH),
      "Content-Length: 1" .. spaces .. "1",
      "Content-Length:" .. spaces .. "x",
      "Content-Length: 1" .. ("\t"):rep(LENGTH) .. ",1",
      "Content-Length: " .. zeros .. "x",
      "Content-Length: " .. zeros,
      "Content-Length: " .. ("9"):rep(LENGTH),
      "Content-Length: " .. (","):rep(LENGTH),
      "Content-Length: 1" .. (" ,1"):rep(math.floor(LENGTH / 3)),
      "Connection: " .. (" ,"):rep(math.floor(LENGTH / 2)) .. "\r\nContent-Length: 0",
      "Transfer-Encoding:" .. spaces .. "chunked",
      "Transfer-Encoding: " .. ("chunked ,"):rep(math.floor(LENGTH / 9)),
      ("X:\r\n"):rep(math.floor(LENGTH / 4)),
      "Transfer-Encoding: chunked\r\n\r\n" .. ("0"):rep(4000) .. "x",
      "Transfer-Encoding: chunked\r\n\r\n0" .. (" "):rep(4000) .. "x",
      "Transfer-Encoding: chunked\r\n\r\n0" .. (" "):rep(4000) .. "\r\nX: a" .. spaces .. "a",
    }
    local enough = 200 * math.max(time_of(plain(LENGTH)), 1e-4)
    for _, lines in ipairs(slow) do
      assert.is_true(time_of(head .. lines .. "\r\n\r\n") < enough, lines:sub(1, 40))
    end
  end)

  -- Returns how many kilobytes reading the bytes one by one allocates, including freed memory.
  local function memory_of(text)
    local bytes, taken = bytes_of(text), 0
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    http1.read(function()
      taken = taken + 1
      return bytes[taken] or nil, "closed"
    end, function() end)
    local after = collectgarbage "count"
    collectgarbage "restart"
    return after - before
  end

  it("allocates memory in proportion to the input, however small its pieces are", function()
    for _, text in ipairs {
      plain(16000),
      "HTTP/1.1 200 OK\r\n" .. ("X:\n"):rep(5000) .. "\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n" .. ("x"):rep(16000),
      "HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(16000),
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. ("1;" .. ("x"):rep(1000) .. "\r\nx\r\n"):rep(16)
        .. "0\r\n\r\n",
    } do
      assert.is_true(memory_of(text) < 8000) -- 128,000 if everything were concatenated at each byte
    end
  end)

  it("pauses now and then, however much input is there", function()
    local small = ("1\r\nx\r\n"):rep(10000)
    local _, _, _, _, pauses = read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" .. small .. "0\r\n\r\n")
    assert.is_true(pauses >= 15)
    pauses = select(5, read("HTTP/1.1 200 OK\r\n" .. ("X:\n"):rep(20000) .. "\n"))
    assert.is_true(pauses >= 15)
    local pieces = bytes_of("HTTP/1.1 200 OK\r\n\r\n" .. ("x"):rep(5000))
    pauses = select(5, read((table.unpack or unpack)(pieces))) -- luacheck: ignore 143 113
    assert.is_true(pauses >= 4)
    pauses = select(5, read(plain(LENGTH)))
    assert.equal(0, pauses)
  end)
end)
