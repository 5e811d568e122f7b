// Judges Kubernetes objects by kstatus, with the code that Flux runs.
//
// Standard input: a JSON array of objects. Standard output: a JSON array of {"status", "message"} or {"error"}.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type answer struct {
	Status  string `json:"status,omitempty"`
	Message string `json:"message,omitempty"`
	Error   string `json:"error,omitempty"`
}

func main() {
	var objects []json.RawMessage
	if err := json.NewDecoder(os.Stdin).Decode(&objects); err != nil {
		fmt.Fprintln(os.Stderr, "Cannot read the objects:", err)
		os.Exit(1)
	}
	answers := make([]answer, len(objects))
	for i, object := range objects {
		answers[i] = judge(object)
	}
	if err := json.NewEncoder(os.Stdout).Encode(answers); err != nil {
		fmt.Fprintln(os.Stderr, "Cannot write the answers:", err)
		os.Exit(1)
	}
}

func judge(object json.RawMessage) answer {
	var decoded unstructured.Unstructured
	if err := decoded.UnmarshalJSON(object); err != nil {
		return answer{Error: err.Error()}
	}
	result, err := status.Compute(&decoded)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Status: result.Status.String(), Message: result.Message}
}
