package main

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	logf "sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Reconciler keeps one Deployment for each ClariveDaemon.
type Reconciler struct {
	client.Client
	Settings Settings
}

func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var daemon ClariveDaemon
	if err := r.Get(ctx, request.NamespacedName, &daemon); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !daemon.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}

	child, err := r.reconcileChild(ctx, &daemon)
	if err != nil {
		return ctrl.Result{}, err
	}

	before := daemon.DeepCopy()
	updateStatus(&daemon, child, r.Settings)
	if equality.Semantic.DeepEqual(before.Status, daemon.Status) {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, client.IgnoreNotFound(r.Status().Patch(ctx, &daemon, client.MergeFrom(before)))
}

// reconcileChild creates the Deployment, updates it when the daemon's spec asks for another pod, and scales it.
func (r *Reconciler) reconcileChild(ctx context.Context, daemon *ClariveDaemon) (*appsv1.Deployment, error) {
	log := logf.FromContext(ctx)
	desired, err := desiredDeployment(daemon, r.Settings)
	if err != nil {
		return nil, err
	}
	if err := controllerutil.SetControllerReference(daemon, desired, r.Scheme()); err != nil {
		return nil, err
	}

	child := &appsv1.Deployment{}
	err = r.Get(ctx, client.ObjectKeyFromObject(desired), child)
	if apierrors.IsNotFound(err) {
		log.Info("Creating the Deployment")
		return desired, r.Create(ctx, desired)
	}
	if err != nil {
		return nil, err
	}

	isCurrent := child.Annotations[appliedAnnotation] == desired.Annotations[appliedAnnotation]
	replicas := ptr.Deref(desired.Spec.Replicas, 1)
	if isCurrent && ptr.Deref(child.Spec.Replicas, 1) == replicas {
		return child, nil
	}
	log.Info("Patching the Deployment", "replicas", replicas)
	before := child.DeepCopy()
	child.Spec.Replicas = &replicas
	if !isCurrent {
		child.Labels = desired.Labels
		child.Annotations[appliedAnnotation] = desired.Annotations[appliedAnnotation]
		child.Spec.Template = desired.Spec.Template
	}
	return child, r.Patch(ctx, child, client.MergeFrom(before))
}

func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		For(&ClariveDaemon{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(&appsv1.Deployment{}).
		WithOptions(controller.Options{MaxConcurrentReconciles: 8}).
		Complete(r)
}
