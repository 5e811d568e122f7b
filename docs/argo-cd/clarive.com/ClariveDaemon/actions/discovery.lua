local isStopped = obj.spec.replicas == 0
local actions = {}
actions["start"] = { ["disabled"] = not isStopped, ["iconClass"] = "fa fa-fw fa-play", ["displayName"] = "Start" }
actions["stop"] = { ["disabled"] = isStopped, ["iconClass"] = "fa fa-fw fa-stop", ["displayName"] = "Stop" }
actions["restart"] = {
  ["disabled"] = isStopped or obj.spec.paused == true,
  ["iconClass"] = "fa fa-fw fa-redo",
  ["displayName"] = "Restart",
}
return actions
