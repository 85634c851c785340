package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// tarball packs root/ of the stage and the configuration for those who use no package: unpacked over / it is installed.
func (r *release) tarball(stage, name, target string) error {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(file, as string, mode int64) error {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		// Regular files only: where they go there are directories, and whose they are the one who unpacks decides.
		err = w.WriteHeader(&tar.Header{Name: name + "/" + as, Mode: mode, Size: int64(len(data)), ModTime: r.when, Format: tar.FormatPAX})
		if err == nil {
			_, err = w.Write(data)
		}
		return err
	}
	root := filepath.Join(stage, "root")
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		mode := int64(0o644)
		as := filepath.ToSlash(strings.TrimPrefix(path, root+"/"))
		if strings.HasPrefix(as, "usr/bin/") {
			mode = 0o755
		}
		return add(path, as, mode)
	})
	if err != nil {
		return err
	}
	if err := add(filepath.Join(stage, "completion/zsh"), "usr/share/zsh/site-functions/_gluster-trapgw", 0o644); err != nil {
		return err
	}
	if err := add(filepath.Join(stage, "config.yaml"), "etc/gluster-trapgw/config.yaml", 0o644); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return write(target, compress(b.Bytes()))
}

// checksums writes SHA256SUMS, for sha256sum -c.
func (r *release) checksums(files []string) error {
	slices.Sort(files)
	var b strings.Builder
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(data), filepath.Base(f))
	}
	fmt.Print(b.String())
	return write(filepath.Join(r.dist, "SHA256SUMS"), []byte(b.String()))
}
