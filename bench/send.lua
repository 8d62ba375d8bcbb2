-- For wrk: sends the bytes of the file that it is given again and again, and prints what was answered.

function init(args)
  local file = assert(io.open(args[1], "rb"))
  message = file:read("*a")
  file:close()
end

function request()
  return message
end

function done(summary)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format("answered %d failed %d microseconds %d", summary.requests, failed, summary.duration))
end
