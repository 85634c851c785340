// Command release builds what is published, into dist/: for each architecture a tar.gz, a deb, an rpm and a bill of
// materials (CycloneDX), and the checksums of all.
//
// The same commit and the same Go give the same bytes, wherever and whenever they are built: every time in them is that of
// the commit, and no path of the machine gets in. make release runs it, deploy/test-release.sh proves it.
//
//	go run ./deploy/release -version 1.2.3 -arch amd64,arm64
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// nfpm makes the packages.
const nfpm = "github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.43.1"

// release is one run.
type release struct {
	version    string // 1.2.3
	when       time.Time
	maintainer string
	dist       string
	work       string // scratch
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	r := &release{}
	var arches string
	flag.StringVar(&r.version, "version", "", "version; default: the tag v1.2.3 of the commit, else one made of the commit")
	flag.StringVar(&arches, "arch", "amd64,arm64", "architectures")
	flag.StringVar(&r.dist, "dist", "dist", "directory to write to")
	flag.StringVar(&r.maintainer, "maintainer", "The gluster-trapgw authors <gluster-trapgw@users.noreply.github.com>", "who answers for the packages")
	flag.Parse()
	if err := r.run(strings.Split(arches, ",")); err != nil {
		log.Fatal(err)
	}
}

func (r *release) run(arches []string) (err error) {
	if _, err := os.Stat("deploy/package/nfpm.yaml"); err != nil {
		return fmt.Errorf("run it in the root of the repository: %w", err)
	}
	if err := r.dates(); err != nil {
		return err
	}
	if r.work, err = os.MkdirTemp("", "gluster-trapgw-release-"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work)
	if err := os.MkdirAll(r.dist, 0o755); err != nil {
		return err
	}
	native := filepath.Join(r.work, "gluster-trapgw")
	if err := r.build(runtime.GOARCH, native); err != nil {
		return err
	}
	licences, err := thirdParty(native)
	if err != nil {
		return err
	}
	var files []string
	for _, arch := range arches {
		made, err := r.arch(arch, native, licences)
		if err != nil {
			return fmt.Errorf("%s: %w", arch, err)
		}
		files = append(files, made...)
	}
	return r.checksums(files)
}

// dates finds the version and the one time that everything has.
func (r *release) dates() error {
	epoch := os.Getenv("SOURCE_DATE_EPOCH")
	if epoch == "" {
		var err error
		if epoch, err = output("git", "log", "-1", "--format=%ct"); err != nil {
			return fmt.Errorf("the time of the commit is not known, set SOURCE_DATE_EPOCH: %w", err)
		}
	}
	seconds, err := strconv.ParseInt(epoch, 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	r.when = time.Unix(seconds, 0).UTC()
	if r.version == "" {
		if tag, err := output("git", "describe", "--tags", "--exact-match", "--match", "v*"); err == nil {
			r.version = strings.TrimPrefix(tag, "v")
		} else {
			commit, err := output("git", "rev-parse", "--short=12", "HEAD")
			if err != nil {
				return fmt.Errorf("the version is not known, set -version: %w", err)
			}
			// Lower than every release.
			r.version = fmt.Sprintf("0.0.0-dev.%s.g%s", r.when.Format("20060102150405"), commit)
		}
	}
	if !regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9A-Za-z.]+)?$`).MatchString(r.version) {
		return fmt.Errorf("%q is no version like 1.2.3 or 1.2.3-rc1", r.version)
	}
	return nil
}

// build makes the static, stripped program.
func (r *release) build(arch, file string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.release="+r.version, "-o", file, "./cmd/gluster-trapgw")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	return run(cmd)
}

// arch makes everything for one architecture and returns the files.
func (r *release) arch(arch, native string, licences []byte) ([]string, error) {
	name := fmt.Sprintf("gluster-trapgw-%s-linux-%s", r.version, arch)
	stage := filepath.Join(r.work, arch)
	if err := r.stage(stage, arch, native, licences); err != nil {
		return nil, err
	}
	bin := filepath.Join(stage, "root/usr/bin/gluster-trapgw")
	bom := filepath.Join(r.dist, name+".cdx.json")
	if err := r.bom(bin, bom); err != nil {
		return nil, err
	}
	tarball := filepath.Join(r.dist, name+".tar.gz")
	if err := r.tarball(stage, name, tarball); err != nil {
		return nil, err
	}
	files := []string{tarball, bom}
	debVersion := strings.Replace(r.version, "-", "~", 1)
	rpmArch := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	for _, p := range []struct{ packager, file string }{
		{"deb", fmt.Sprintf("gluster-trapgw_%s-1_%s.deb", debVersion, arch)},
		{"rpm", fmt.Sprintf("gluster-trapgw-%s-1.%s.rpm", debVersion, rpmArch)},
	} {
		target, err := filepath.Abs(filepath.Join(r.dist, p.file))
		if err != nil {
			return nil, err
		}
		cmd := exec.Command("go", "run", nfpm, "package", "--config", "nfpm.yaml", "--packager", p.packager, "--target", target)
		cmd.Dir = stage
		cmd.Env = append(os.Environ(), "VERSION="+r.version, "ARCH="+arch, "MAINTAINER="+r.maintainer,
			fmt.Sprintf("SOURCE_DATE_EPOCH=%d", r.when.Unix()))
		if err := run(cmd); err != nil {
			return nil, err
		}
		files = append(files, filepath.Join(r.dist, p.file))
	}
	return files, nil
}

func run(cmd *exec.Cmd) error {
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	return nil
}

// output is what a command prints, without the end of the line.
func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}
