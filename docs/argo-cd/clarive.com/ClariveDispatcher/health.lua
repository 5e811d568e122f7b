-- Health of a ClariveDispatcher for Argo CD: that of its daemons. If they are meant to be stopped it is Healthy.
local health = { status = "Progressing", message = "Waiting for the Clarive operator" }

if obj.status == nil or obj.status.conditions == nil then
  return health
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local conditions = {}
for _, condition in ipairs(obj.status.conditions) do
  conditions[condition.type] = condition
end
local function isTrue(name)
  return conditions[name] ~= nil and conditions[name].status == "True"
end

if conditions.Ready == nil then
  return health
end
health.message = conditions.Ready.reason
if conditions.Ready.message ~= nil and conditions.Ready.message ~= "" then
  health.message = conditions.Ready.reason .. ": " .. conditions.Ready.message
end

if isTrue("Stalled") then
  health.status = "Degraded"
elseif isTrue("Ready") then
  health.status = "Healthy"
elseif conditions.Ready.reason == "DaemonsPaused" then
  health.status = "Suspended"
end
return health
