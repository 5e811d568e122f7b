local isStopped = obj.spec.replicas == 0
local actions = {}
actions["start"] = { ["disabled"] = not isStopped, ["iconClass"] = "fa fa-fw fa-play", ["displayName"] = "Start" }
actions["stop"] = { ["disabled"] = isStopped, ["iconClass"] = "fa fa-fw fa-stop", ["displayName"] = "Stop" }
return actions
