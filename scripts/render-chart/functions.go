package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

const deepest = 1000

// functions are Sprig's, less those that read the environment, and those that Helm adds (helm.sh/docs, "Template Functions").
func functions(root *template.Template) template.FuncMap {
	all := sprig.TxtFuncMap()
	delete(all, "env")
	delete(all, "expandenv")
	depth := map[string]int{}
	all["include"] = func(name string, data interface{}) (string, error) {
		if depth[name]++; depth[name] > deepest {
			return "", fmt.Errorf("%s includes itself without an end", name)
		}
		defer func() { depth[name]-- }()
		var out strings.Builder
		err := root.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	all["tpl"] = func(text string, data interface{}) (string, error) {
		copied, err := root.Clone()
		if err != nil {
			return "", err
		}
		// A clone has the functions of the original: an include in it sees what the original defines.
		parsed, err := copied.New("tpl").Parse(text)
		if err != nil {
			return "", err
		}
		var out strings.Builder
		err = parsed.Execute(&out, data)
		return strings.ReplaceAll(out.String(), "<no value>", ""), err
	}
	all["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return value, errors.New(message)
		}
		return value, nil
	}
	// There is no cluster to look into: what `helm template` says too.
	all["lookup"] = func(string, string, string, string) map[string]interface{} { return map[string]interface{}{} }
	all["toYaml"] = toYaml
	all["toJson"] = toJson
	all["fromYaml"] = fromText(fromYaml)
	all["fromJson"] = fromText(json.Unmarshal)
	all["fromYamlArray"] = fromArray(fromYaml)
	all["fromJsonArray"] = fromArray(json.Unmarshal)
	return all
}

func toYaml(value interface{}) string {
	text, err := yaml.Marshal(value)
	if err != nil {
		return "" // as Helm has it
	}
	return strings.TrimSuffix(string(text), "\n")
}

func toJson(value interface{}) string {
	text, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(text)
}

func fromYaml(text []byte, into interface{}) error { return yaml.Unmarshal(text, into) }

type unmarshal = func([]byte, interface{}) error

// Helm hands errors to the template as values; so here.
func fromText(read unmarshal) func(string) map[string]interface{} {
	return func(text string) map[string]interface{} {
		value := map[string]interface{}{}
		if err := read([]byte(text), &value); err != nil {
			value["Error"] = err.Error()
		}
		return value
	}
}

func fromArray(read unmarshal) func(string) []interface{} {
	return func(text string) []interface{} {
		value := []interface{}{}
		if err := read([]byte(text), &value); err != nil {
			value = []interface{}{err.Error()}
		}
		return value
	}
}

// files are those of the chart that are no templates, as .Files offers them.
type files map[string]string

func (f files) Get(name string) string      { return f[name] }
func (f files) GetBytes(name string) []byte { return []byte(f[name]) }

func (f files) Glob(pattern string) files {
	found := files{}
	for name, text := range f {
		if ok, err := path.Match(pattern, name); err == nil && ok {
			found[name] = text
		}
	}
	return found
}

func (f files) Lines(name string) []string {
	if f[name] == "" {
		return []string{}
	}
	return strings.Split(strings.TrimSuffix(f[name], "\n"), "\n")
}

func (f files) AsConfig() string {
	return f.asYaml(func(text string) string { return text })
}

func (f files) AsSecrets() string {
	return f.asYaml(func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) })
}

func (f files) asYaml(encode func(string) string) string {
	encoded := map[string]string{}
	for name, text := range f {
		encoded[path.Base(name)] = encode(text)
	}
	return toYaml(encoded)
}
