package main

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// updateStatus sets the whole status from the daemon and its child.
func updateStatus(daemon *ClariveDaemon, child *appsv1.Deployment, settings Settings) {
	wanted := ptr.Deref(daemon.Spec.Replicas, 1)
	status := &daemon.Status
	status.ObservedGeneration = daemon.Generation
	status.Replicas = child.Status.Replicas
	status.ReadyReplicas = child.Status.ReadyReplicas
	status.Selector = labels.FormatLabels(selectorLabels(daemon))
	status.Service = daemon.Spec.Service
	status.Image = settings.Image

	isActive := status.ReadyReplicas > 0
	isDone := status.Replicas == wanted && status.ReadyReplicas == wanted
	reason, message := describe(wanted, isDone)
	for conditionType, isTrue := range map[string]bool{
		"Ready":       isDone,
		"Reconciling": !isDone,
		"Stalled":     false,
		"Active":      isActive,
	} {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type:               conditionType,
			Status:             conditionStatus(isTrue),
			ObservedGeneration: daemon.Generation,
			Reason:             reason,
			Message:            message,
		})
	}
}

func describe(wanted int32, isDone bool) (reason, message string) {
	switch {
	case wanted == 0 && isDone:
		return "Stopped", "The daemon is stopped"
	case wanted == 0:
		return "Stopping", "Waiting until the last pod is gone"
	case isDone:
		return "Running", "The daemon is running and ready"
	default:
		return "Starting", "Waiting until the daemon is ready"
	}
}

func conditionStatus(isTrue bool) metav1.ConditionStatus {
	if isTrue {
		return metav1.ConditionTrue
	}
	return metav1.ConditionFalse
}
