-- Argo CD health of a WebhookEndpoint. An endpoint that is down stays Healthy: a stranger's server must not make a
-- sync red; the message tells of it.
local status = obj.status or {}
local generation = obj.metadata.generation
if status.observedGeneration == nil or (generation ~= nil and status.observedGeneration ~= generation) then
  return { status = "Progressing", message = "waiting for the operator to see this version" }
end
local found = {}
for _, condition in ipairs(status.conditions or {}) do
  found[condition.type] = condition
end
local function is(kind, value)
  return found[kind] ~= nil and found[kind].status == value
end
if is("Stalled", "True") then
  return { status = "Degraded", message = found.Stalled.reason .. ": " .. (found.Stalled.message or "") }
end
if is("Reconciling", "True") then
  return { status = "Progressing", message = found.Reconciling.reason .. ": " .. (found.Reconciling.message or "") }
end
if not is("Ready", "True") then
  return { status = "Progressing", message = "waiting for the operator" }
end
if found.Ready.reason == "Suspended" then
  return { status = "Suspended", message = found.Ready.message or "" }
end
if is("Delivering", "False") then
  return { status = "Healthy", message = found.Delivering.reason .. ": " .. (found.Delivering.message or "") }
end
return { status = "Healthy", message = found.Ready.message or "" }
