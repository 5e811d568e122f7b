// An operator for ClariveDaemons on controller-runtime: what the benchmark compares the real one with.
package main

import (
	"context"
	"errors"
	"flag"
	"net/http"
	"os"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	var settings Settings
	healthAddress := flag.String("health-address", ":8081", "where /healthz and /readyz are served")
	metricsAddress := flag.String("metrics-address", ":8080", "where /metrics is served")
	initScript := flag.String("init-script", "", "file with the script that the containers run")
	flag.StringVar(&settings.Image, "default-image", "", "image of the daemons")
	flag.Int64Var(&settings.RunAsUser, "run-as-user", 0, "numeric user id of the daemons")
	flag.Parse()

	ctrl.SetLogger(zap.New())
	if err := run(settings, *initScript, *healthAddress, *metricsAddress); err != nil {
		ctrl.Log.Error(err, "The operator failed")
		os.Exit(1)
	}
}

func run(settings Settings, initScript, healthAddress, metricsAddress string) error {
	script, err := os.ReadFile(initScript)
	if err != nil {
		return err
	}
	settings.InitScript = string(script)

	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), addToScheme(scheme)); err != nil {
		return err
	}
	config, err := ctrl.GetConfig()
	if err != nil {
		return err
	}
	config.UserAgent = "clarive-peer"
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			ByObject: map[client.Object]cache.ByObject{
				&appsv1.Deployment{}: {Label: labels.SelectorFromSet(labels.Set{"app.kubernetes.io/managed-by": managedBy})},
			},
		},
		Metrics:                       server.Options{BindAddress: metricsAddress},
		HealthProbeBindAddress:        healthAddress,
		LeaderElection:                true,
		LeaderElectionID:              "clarive-peer",
		LeaderElectionNamespace:       "default",
		LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	reconciler := &Reconciler{Client: mgr.GetClient(), Settings: settings}
	if err := reconciler.SetupWithManager(mgr); err != nil {
		return err
	}
	probes := errors.Join(
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("caches", syncedCheck(mgr.GetCache())),
	)
	if probes != nil {
		return probes
	}
	return mgr.Start(ctrl.SetupSignalHandler())
}

// syncedCheck says ready once the caches have shown all that exists.
func syncedCheck(caches cache.Cache) healthz.Checker {
	return func(request *http.Request) error {
		ctx, cancel := context.WithTimeout(request.Context(), 10*time.Millisecond)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New("the caches are not synced yet")
		}
		return nil
	}
}
