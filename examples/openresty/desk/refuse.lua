-- A refusal of the desk itself: returns nil and a response, for the caller to return.

return function(status, message, code)
  return nil, { status = status, error = { kind = "desk", code = code, message = message } }
end
