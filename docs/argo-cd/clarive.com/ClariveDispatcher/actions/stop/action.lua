obj.spec.replicas = 0
return obj
