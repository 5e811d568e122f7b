package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

const (
	base              = "/opt/clarive"
	managedBy         = "clarive-operator"
	appliedAnnotation = "clarive.com/applied"
	configAnnotation  = "clarive.com/config"
)

// Settings are what the operator's flags give to all daemons.
type Settings struct {
	Image      string
	RunAsUser  int64
	InitScript string
}

func selectorLabels(daemon *ClariveDaemon) map[string]string {
	return map[string]string{
		"app.kubernetes.io/name":     "clarive-daemon",
		"app.kubernetes.io/instance": daemon.Name,
	}
}

func childLabels(daemon *ClariveDaemon) map[string]string {
	labels := selectorLabels(daemon)
	labels["app.kubernetes.io/part-of"] = "clarive"
	labels["app.kubernetes.io/managed-by"] = managedBy
	labels["clarive.com/service"] = daemon.Spec.Service
	return labels
}

// desiredDeployment is the same Deployment as the operator's own for the service service.job.daemon
// with the volumes jobs and repo of the driver's daemons.
func desiredDeployment(daemon *ClariveDaemon, settings Settings) (*appsv1.Deployment, error) {
	config, err := yaml.Marshal(map[string]any{daemon.Spec.Service: daemon.Spec.Config})
	if err != nil {
		return nil, err
	}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name:      daemon.Name,
			Namespace: daemon.Namespace,
			Labels:    childLabels(daemon),
		},
		Spec: appsv1.DeploymentSpec{
			Replicas:                daemon.Spec.Replicas,
			RevisionHistoryLimit:    ptr.To[int32](1),
			ProgressDeadlineSeconds: ptr.To[int32](3630),
			Strategy:                appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType},
			Selector:                &metav1.LabelSelector{MatchLabels: selectorLabels(daemon)},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{
					Labels:      childLabels(daemon),
					Annotations: map[string]string{configAnnotation: string(config)},
				},
				Spec: podSpec(daemon, settings),
			},
		},
	}
	template, err := json.Marshal(deployment.Spec.Template)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(template)
	deployment.Annotations = map[string]string{appliedAnnotation: hex.EncodeToString(sum[:8])}
	return deployment, nil
}

func podSpec(daemon *ClariveDaemon, settings Settings) corev1.PodSpec {
	return corev1.PodSpec{
		AutomountServiceAccountToken:  ptr.To(false),
		EnableServiceLinks:            ptr.To(false),
		TerminationGracePeriodSeconds: ptr.To[int64](3630),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot:   ptr.To(true),
			RunAsUser:      ptr.To(settings.RunAsUser),
			SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name:    "daemon",
			Image:   settings.Image,
			Command: []string{"sh", "-c", settings.InitScript, "clarive-init"},
			Args: []string{"drain-usr1", "3600", "--", base + "/clarive/bin/cla", daemon.Spec.Service,
				"-c", "clarive", "--id", daemon.Name},
			Env: []corev1.EnvVar{
				{Name: "CLARIVE_ENV", Value: "clarive"},
				{Name: "CLARIVE_PIDDIR", Value: base + "/pid"},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false),
				Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
			VolumeMounts: []corev1.VolumeMount{
				{Name: "jobs", MountPath: base + "/jobs"},
				{Name: "logs", MountPath: base + "/logs"},
				{Name: "repo", MountPath: base + "/repo"},
				{Name: "tmp", MountPath: base + "/tmp"},
				{Name: "clarive-pid", MountPath: base + "/pid"},
				{Name: "clarive-config", MountPath: base + "/config/clarive.yml", SubPath: "config.yml", ReadOnly: true},
			},
		}},
		Volumes: []corev1.Volume{
			emptyDir("logs"),
			emptyDir("tmp"),
			claim("jobs"),
			claim("repo"),
			emptyDir("clarive-pid"),
			{Name: "clarive-config", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{
				Items: []corev1.DownwardAPIVolumeFile{{
					Path:     "config.yml",
					FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + configAnnotation + "']"},
				}},
			}}},
		},
		RestartPolicy:   corev1.RestartPolicyAlways,
		SchedulingGates: []corev1.PodSchedulingGate{{Name: "clarive.com/exclusive"}},
	}
}

func emptyDir(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func claim(name string) corev1.Volume {
	return corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name},
	}}
}
