obj.spec.replicas = 1
return obj
