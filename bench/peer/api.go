package main

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var groupVersion = schema.GroupVersion{Group: "clarive.com", Version: "v1"}

// ClariveDaemon has the fields that the benchmark uses.
type ClariveDaemon struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClariveDaemonSpec   `json:"spec,omitempty"`
	Status ClariveDaemonStatus `json:"status,omitempty"`
}

type ClariveDaemonSpec struct {
	Service  string                          `json:"service"`
	Replicas *int32                          `json:"replicas,omitempty"`
	Config   map[string]apiextensionsv1.JSON `json:"config,omitempty"`
}

type ClariveDaemonStatus struct {
	ObservedGeneration int64              `json:"observedGeneration"`
	Replicas           int32              `json:"replicas"`
	ReadyReplicas      int32              `json:"readyReplicas"`
	Selector           string             `json:"selector,omitempty"`
	Service            string             `json:"service,omitempty"`
	Image              string             `json:"image,omitempty"`
	Conditions         []metav1.Condition `json:"conditions,omitempty"`
}

type ClariveDaemonList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClariveDaemon `json:"items"`
}

func addToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(groupVersion, &ClariveDaemon{}, &ClariveDaemonList{})
	metav1.AddToGroupVersion(scheme, groupVersion)
	return nil
}

func (in *ClariveDaemon) DeepCopy() *ClariveDaemon {
	out := *in
	in.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	if in.Spec.Replicas != nil {
		replicas := *in.Spec.Replicas
		out.Spec.Replicas = &replicas
	}
	if in.Spec.Config != nil {
		out.Spec.Config = make(map[string]apiextensionsv1.JSON, len(in.Spec.Config))
		for key, value := range in.Spec.Config {
			out.Spec.Config[key] = *value.DeepCopy()
		}
	}
	if in.Status.Conditions != nil {
		out.Status.Conditions = append([]metav1.Condition{}, in.Status.Conditions...)
	}
	return &out
}

func (in *ClariveDaemon) DeepCopyObject() runtime.Object { return in.DeepCopy() }

func (in *ClariveDaemonList) DeepCopyObject() runtime.Object {
	out := &ClariveDaemonList{TypeMeta: in.TypeMeta, ListMeta: *in.ListMeta.DeepCopy()}
	out.Items = make([]ClariveDaemon, len(in.Items))
	for i := range in.Items {
		out.Items[i] = *in.Items[i].DeepCopy()
	}
	return out
}
