package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// The bill of materials is CycloneDX 1.6 in JSON. What is in it is read from the program itself, not from go.mod: so it
// names what was linked, and nothing else.

type bom struct {
	Schema       string       `json:"$schema"`
	Format       string       `json:"bomFormat"`
	SpecVersion  string       `json:"specVersion"`
	SerialNumber string       `json:"serialNumber"`
	Version      int          `json:"version"`
	Metadata     metadata     `json:"metadata"`
	Components   []component  `json:"components"`
	Dependencies []dependency `json:"dependencies"`
}

type metadata struct {
	Timestamp string    `json:"timestamp"`
	Component component `json:"component"`
}

type component struct {
	Type       string     `json:"type"`
	Ref        string     `json:"bom-ref"`
	Name       string     `json:"name"`
	Version    string     `json:"version"`
	Scope      string     `json:"scope,omitempty"`
	Hashes     []hash     `json:"hashes,omitempty"`
	PURL       string     `json:"purl"`
	Properties []property `json:"properties,omitempty"`
}

type hash struct {
	Alg     string `json:"alg"`
	Content string `json:"content"`
}

type property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type dependency struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn,omitempty"`
}

// bom writes the bill of materials of the program.
func (r *release) bom(bin, target string) error {
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(bin)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(program)
	self := component{Type: "application", Ref: "gluster-trapgw", Name: "gluster-trapgw", Version: r.version,
		PURL: "pkg:golang/" + info.Main.Path + "@v" + r.version, Hashes: []hash{{"SHA-256", fmt.Sprintf("%x", sum)}}}
	for _, s := range info.Settings {
		if slices.Contains([]string{"GOOS", "GOARCH", "CGO_ENABLED", "-trimpath", "vcs.revision", "vcs.modified"}, s.Key) {
			self.Properties = append(self.Properties, property{"go:build:" + strings.TrimPrefix(s.Key, "-"), s.Value})
		}
	}
	b := bom{Schema: "http://cyclonedx.org/schema/bom-1.6.schema.json", Format: "CycloneDX", SpecVersion: "1.6", Version: 1,
		// A UUID of version 8: made of the program, so that the same program has the same.
		SerialNumber: fmt.Sprintf("urn:uuid:%x-%x-8%03x-%x%03x-%x", sum[0:4], sum[4:6], uint16(sum[6])<<4|uint16(sum[7])>>4,
			8|sum[8]>>6, uint16(sum[8]&15)<<8|uint16(sum[9]), sum[10:16]),
		Metadata: metadata{r.when.Format(time.RFC3339), self}}
	goVersion := strings.TrimPrefix(info.GoVersion, "go")
	b.Components = append(b.Components, component{Type: "library", Ref: "stdlib", Name: "std", Version: goVersion, Scope: "required",
		PURL: "pkg:golang/std@" + goVersion})
	for _, m := range linked(info) {
		b.Components = append(b.Components, component{Type: "library", Ref: m.Path, Name: m.Path, Version: m.Version, Scope: "required",
			PURL: "pkg:golang/" + m.Path + "@" + m.Version, Properties: []property{{"go:sum", m.Sum}}})
	}
	root := dependency{Ref: self.Ref}
	for _, c := range b.Components {
		root.DependsOn = append(root.DependsOn, c.Ref)
	}
	b.Dependencies = []dependency{root}
	data, err := json.MarshalIndent(&b, "", "  ")
	if err != nil {
		return err
	}
	return write(target, append(data, '\n'))
}

// linked are the modules in the program, as they are after replacements.
func linked(info *debug.BuildInfo) []*debug.Module {
	var mods []*debug.Module
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		mods = append(mods, m)
	}
	return mods
}

// copyright is what the package says about its own licence.
func (r *release) copyright() ([]byte, error) {
	own, err := notices(".")
	if err != nil {
		return nil, err
	}
	if own == "" {
		own = fmt.Sprintf("Copyright (C) %d the authors of gluster-trapgw\nThe source carries no licence: ask them before you pass it on.\n", r.when.Year())
	}
	return []byte("gluster-trapgw\n" + own + "\nThe program contains the Go standard library and other modules; their licences are in third-party.gz.\n"), nil
}

// thirdParty is what the licences of the linked modules want to go along with the program.
func thirdParty(bin string) ([]byte, error) {
	info, err := buildinfo.ReadFile(bin)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("gluster-trapgw contains the Go standard library and the following modules, under their own licences.\n")
	goroot, err := output("go", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	text, err := notices(goroot)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(&b, "\n==== Go %s\n%s", info.GoVersion, text)
	for _, m := range linked(info) {
		dir, err := output("go", "list", "-m", "-f", "{{.Dir}}", m.Path)
		if err != nil {
			return nil, err
		}
		text, err := notices(dir)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, fmt.Errorf("module %s has no licence in %s", m.Path, dir)
		}
		fmt.Fprintf(&b, "\n==== %s %s\n%s", m.Path, m.Version, text)
	}
	return []byte(b.String()), nil
}

// notices are the licence files of a directory.
func notices(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		if e.IsDir() || !strings.HasPrefix(name, "LICEN") && !strings.HasPrefix(name, "NOTICE") && !strings.HasPrefix(name, "COPYING") {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return "", err
		}
		b.WriteString(strings.TrimSpace(string(data)) + "\n")
	}
	return b.String(), nil
}
