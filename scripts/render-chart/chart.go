package main

import (
	"errors"
	"fmt"
	"path"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/semver"
	"sigs.k8s.io/yaml"
)

// metadata is what Chart.yaml says, under the names that templates know it by.
type metadata struct {
	APIVersion   string            `json:"apiVersion"`
	Name         string            `json:"name"`
	Version      string            `json:"version"`
	AppVersion   string            `json:"appVersion"`
	KubeVersion  string            `json:"kubeVersion"`
	Description  string            `json:"description"`
	Type         string            `json:"type"`
	Home         string            `json:"home"`
	Icon         string            `json:"icon"`
	Keywords     []string          `json:"keywords"`
	Sources      []string          `json:"sources"`
	Annotations  map[string]string `json:"annotations"`
	Dependencies []interface{}     `json:"dependencies"`
	IsRoot       bool              `json:"-"`
}

type chart struct {
	meta      metadata
	values    map[string]interface{}
	files     files
	templates map[string]string
}

func readChart(folder string) (*chart, error) {
	texts, templates, err := chartFiles(folder)
	if err != nil {
		return nil, err
	}
	read := &chart{values: map[string]interface{}{}, files: texts, templates: templates}
	if err := yaml.UnmarshalStrict([]byte(texts["Chart.yaml"]), &read.meta); err != nil {
		return nil, fmt.Errorf("Chart.yaml: %w", err)
	}
	if read.meta.APIVersion != "v2" || read.meta.Name == "" {
		return nil, errors.New("Chart.yaml: expected apiVersion v2 and a name")
	}
	if len(read.meta.Dependencies) > 0 {
		return nil, errors.New("Chart.yaml: charts with dependencies are not covered")
	}
	read.meta.IsRoot = true
	if err := yaml.UnmarshalStrict([]byte(texts["values.yaml"]), &read.values); err != nil {
		return nil, fmt.Errorf("values.yaml: %w", err)
	}
	return read, nil
}

type versions []string

// Has says whether the cluster has a group and version, or a kind of one.
func (v versions) Has(name string) bool {
	for _, one := range v {
		if one == name {
			return true
		}
	}
	return false
}

type kubeVersion struct{ Version, Major, Minor string }

func (k kubeVersion) String() string     { return k.Version }
func (k kubeVersion) GitVersion() string { return k.Version }

func capabilitiesOf(version string, apis []string) (interface{}, error) {
	parsed, err := semver.NewVersion(version)
	if err != nil {
		return nil, fmt.Errorf("--kube-version %s: %w", version, err)
	}
	return map[string]interface{}{
		"KubeVersion": kubeVersion{
			Version: "v" + parsed.String(),
			Major:   fmt.Sprint(parsed.Major()),
			Minor:   fmt.Sprint(parsed.Minor()),
		},
		"APIVersions": versions(append([]string{"v1", "apps/v1", "networking.k8s.io/v1", "rbac.authorization.k8s.io/v1"}, apis...)),
		"HelmVersion": map[string]interface{}{"Version": "v3.16.0"},
	}, nil
}

// render executes every template but the partials, and gives what came out by the template's path in the chart.
func (c *chart) render(top map[string]interface{}) (map[string]string, error) {
	if err := c.checkKube(top["Capabilities"]); err != nil {
		return nil, err
	}
	root := template.New("chart").Option("missingkey=zero")
	root.Funcs(functions(root))
	paths := make([]string, 0, len(c.templates))
	for name := range c.templates {
		paths = append(paths, name)
	}
	sort.Strings(paths)
	for _, name := range paths {
		if _, err := root.New(c.meta.Name + "/" + name).Parse(c.templates[name]); err != nil {
			return nil, err
		}
	}
	rendered := map[string]string{}
	for _, name := range paths {
		if strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		full := c.meta.Name + "/" + name
		data := map[string]interface{}{
			"Values": c.values, "Chart": c.meta, "Files": c.files,
			"Template": map[string]interface{}{"Name": full, "BasePath": c.meta.Name + "/templates"},
		}
		for key, value := range top {
			data[key] = value
		}
		var out strings.Builder
		if err := root.ExecuteTemplate(&out, full, data); err != nil {
			return nil, err
		}
		rendered[name] = strings.ReplaceAll(out.String(), "<no value>", "")
	}
	return rendered, nil
}

// checkKube refuses a cluster that Chart.yaml says the chart is not for.
func (c *chart) checkKube(capabilities interface{}) error {
	if c.meta.KubeVersion == "" {
		return nil
	}
	wanted, err := semver.NewConstraint(c.meta.KubeVersion)
	if err != nil {
		return fmt.Errorf("Chart.yaml: kubeVersion: %w", err)
	}
	have := capabilities.(map[string]interface{})["KubeVersion"].(kubeVersion).Version
	if parsed, err := semver.NewVersion(have); err != nil || !wanted.Check(parsed) {
		return fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", c.meta.KubeVersion, have)
	}
	return nil
}
