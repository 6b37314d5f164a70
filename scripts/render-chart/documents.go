package main

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"sigs.k8s.io/yaml"
)

// kinds in the order in which they are installed: what others need comes first. Kinds that are not here come last.
var kinds = []string{
	"Namespace", "NetworkPolicy", "ResourceQuota", "SecurityContextConstraints", "ServiceAccount", "Secret", "ConfigMap",
	"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service", "DaemonSet", "Pod",
	"Deployment", "Job",
}

var between = regexp.MustCompile(`(?m)^---[ \t]*$`)

type document struct {
	order int
	name  string
	text  string
}

// documentsOf splits what the templates made, checks that each document is an object of Kubernetes, and puts them in order.
func documentsOf(chart string, rendered map[string]string, hooks bool) ([]string, error) {
	var found []document
	for name, text := range rendered {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, part := range between.Split(text, -1) {
			one, err := documentOf(chart+"/"+name, part, hooks)
			if err != nil {
				return nil, err
			}
			if one != nil {
				found = append(found, *one)
			}
		}
	}
	sort.Slice(found, func(i, j int) bool {
		if found[i].order != found[j].order {
			return found[i].order < found[j].order
		}
		return found[i].name < found[j].name
	})
	texts := make([]string, len(found))
	for i, one := range found {
		texts[i] = one.text
	}
	return texts, nil
}

func documentOf(source, text string, hooks bool) (*document, error) {
	var object struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name        string            `json:"name"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	var whole interface{}
	if err := yaml.UnmarshalStrict([]byte(text), &whole); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", source, err, text)
	}
	if whole == nil {
		return nil, nil
	}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", source, err, text)
	}
	if object.APIVersion == "" || object.Kind == "" || object.Metadata.Name == "" {
		return nil, fmt.Errorf("%s: a document without apiVersion, kind or metadata.name:\n%s", source, text)
	}
	if object.Metadata.Annotations["helm.sh/hook"] != "" && !hooks {
		return nil, nil
	}
	body := strings.Trim(text, "\n")
	return &document{
		order: orderOf(object.Kind),
		name:  object.Kind + "/" + object.Metadata.Name,
		text:  fmt.Sprintf("---\n# Source: %s\n%s\n", source, body),
	}, nil
}

func orderOf(kind string) int {
	for i, one := range kinds {
		if one == kind {
			return i
		}
	}
	return len(kinds)
}
