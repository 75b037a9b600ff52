-- What the desk itself refuses: nil and an answer, to be returned as they are.

return function(status, message, code)
  return nil, { status = status, error = { kind = "desk", code = code, message = message } }
end
