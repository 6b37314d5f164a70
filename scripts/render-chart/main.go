// Render-chart renders a Helm chart without Helm: the real text/template and Sprig, with Helm's own functions and objects.
// docs/kubernetes.md says what of Helm it covers. It is a tool of the tests; nothing of it is in the image.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "render-chart: %v\n", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	flags := flag.NewFlagSet("render-chart", flag.ContinueOnError)
	var files, apis list
	flags.Var(&files, "values", "file of values over those of the chart; may be repeated")
	flags.Var(&apis, "api-versions", "what .Capabilities.APIVersions has; may be repeated")
	name := flags.String("name", "understudy", "name of the release")
	namespace := flags.String("namespace", "default", "namespace of the release")
	service := flags.String("service", "Helm", "what .Release.Service says")
	kube := flags.String("kube-version", "v1.34.0", "version of Kubernetes that .Capabilities says")
	notes := flags.Bool("notes", false, "print NOTES.txt, not the manifests")
	hooks := flags.Bool("hooks", true, "also what Helm runs as a hook, such as tests")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if flags.NArg() != 1 {
		return errors.New("expected one argument: the folder of the chart")
	}
	chart, err := readChart(flags.Arg(0))
	if err != nil {
		return err
	}
	for _, file := range files {
		over, err := readYaml(file)
		if err != nil {
			return err
		}
		merge(chart.values, over)
	}
	capabilities, err := capabilitiesOf(*kube, apis)
	if err != nil {
		return err
	}
	rendered, err := chart.render(map[string]interface{}{
		"Release": map[string]interface{}{
			"Name": *name, "Namespace": *namespace, "Service": *service,
			"Revision": 1, "IsInstall": true, "IsUpgrade": false,
		},
		"Capabilities": capabilities,
	})
	if err != nil {
		return err
	}
	if *notes {
		fmt.Print(rendered["templates/NOTES.txt"])
		return nil
	}
	documents, err := documentsOf(chart.meta.Name, rendered, *hooks)
	if err != nil {
		return err
	}
	fmt.Print(strings.Join(documents, ""))
	return nil
}

func readYaml(path string) (map[string]interface{}, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	values := map[string]interface{}{}
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return values, nil
}

// merge lays values over others, as Helm does: maps key by key, all else as a whole, and null takes the key away.
func merge(base, over map[string]interface{}) {
	for key, value := range over {
		if value == nil {
			delete(base, key)
			continue
		}
		inner, isMap := value.(map[string]interface{})
		below, wasMap := base[key].(map[string]interface{})
		if isMap && wasMap {
			merge(below, inner)
		} else {
			base[key] = value
		}
	}
}

// chartFiles reads every file of the chart but the templates, by its path in the chart.
func chartFiles(folder string) (files, templates map[string]string, err error) {
	files, templates = map[string]string{}, map[string]string{}
	err = filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(folder, path)
		if strings.HasPrefix(inside, "templates/") {
			templates[inside] = string(text)
		} else {
			files[inside] = string(text)
		}
		return err
	})
	return files, templates, err
}
