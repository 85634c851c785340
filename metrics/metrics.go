// Package metrics shows the gateway to Prometheus. Nearly everything is read from the status when it is scraped, so that
// a number here and in `gluster-trapgw status` is the same number and costs nothing while nobody looks. Only two things
// are counted as they happen: the types of stored events (Tally) and how long sending took.
//
// Names follow the conventions of Prometheus: base units, _total for counters. Every label has few values: event types
// are those of the catalogue and "other", nodes are those that the gateway remembers, which is bounded.
package metrics

import (
	"context"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/gluster-trapgw/gluster-trapgw/admin"
	"github.com/gluster-trapgw/gluster-trapgw/outputs"
)

const prefix = "gluster_trapgw_"

// scrapeTime bounds reading the status for one scrape.
const scrapeTime = 10 * time.Second

// Metrics is everything that is exposed, in a registry of its own.
type Metrics struct {
	registry *prometheus.Registry
	latency  *prometheus.HistogramVec
	status   func(context.Context) (*admin.Status, error)
	tally    *Tally
}

// New returns metrics that read the status with the function given, and the event types from the tally.
func New(status func(context.Context) (*admin.Status, error), tally *Tally) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), status: status, tally: tally}
	m.latency = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: latencyDoc.Name,
		Help: latencyDoc.Help,
		// For servers that take native histograms, and buckets for those that do not.
		NativeHistogramBucketFactor:     1.1,
		NativeHistogramMaxBucketNumber:  160,
		NativeHistogramMinResetDuration: time.Hour,
		Buckets:                         []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600},
	}, latencyDoc.Labels)
	m.registry.MustRegister(m.latency, collector{m}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, EnableOpenMetrics: true})
}

// Sent returns the function that the worker of an output tells of what it delivered.
func (m *Metrics) Sent(output string) func([]outputs.Item) {
	h := m.latency.WithLabelValues(output)
	return func(items []outputs.Item) {
		now := time.Now()
		for i := range items {
			// What an alarm does by itself lies after its event for as long as it takes.
			if n := items[i].Notification; n != nil && !items[i].Extra {
				h.Observe(max(0, now.Sub(n.Received).Seconds()))
			}
		}
	}
}

// Doc describes one metric, for the documentation.
type Doc struct {
	Name, Help string
	Labels     []string
}

// latencyDoc is the one metric that is not made by desc.
var latencyDoc = Doc{prefix + "notification_latency_seconds", "Time from the receipt of an event until its notification was delivered to the output; a histogram, native and classic.", []string{"output"}}

var docs = []Doc{latencyDoc}

// Docs returns all metrics of the gateway's own.
func Docs() []Doc { return slices.Clone(docs) }

func desc(name, help string, labels ...string) *prometheus.Desc {
	docs = append(docs, Doc{prefix + name, help, labels})
	return prometheus.NewDesc(prefix+name, help, labels, nil)
}

var (
	buildInfo = desc("build_info", "1, with the version of the gateway and of Go.", "version", "goversion")
	ready     = desc("ready", "1 when events can be stored and at least one output works.")

	inputEvents   = desc("input_events_total", "Requests, datagrams or log lines that came in, by how they ended; accepted is stored, or known already.", "input", "result")
	stored        = desc("events_stored_total", "Events stored, by input and event type; types that the catalogue lacks are other.", "input", "event")
	duplicates    = desc("duplicate_events_total", "Events that were stored already when they came by another input or URL.")
	connsRefused  = desc("webhook_connections_refused_total", "Connections closed because their sender has too many.")
	kernelDropped = desc("eventsd_kernel_dropped_total", "UDP events that the kernel dropped because they came faster than they can be stored.")
	gaps          = desc("eventslog_gaps_total", "Times that the saved position was found in no file of events.log.")

	notifications = desc("notifications_total", "Events and alarm changes that an output is done with, by what became of them.", "output", "outcome")
	outputState   = desc("output_state", "1 for the state that the output is in: working, or the kind of its failure.", "output", "state")
	failures      = desc("output_failures_total", "Failed tries to send, by kind of failure.", "output", "trouble")
	waiting       = desc("output_waiting_events", "Events that the output has not dealt with yet.", "output")
	lag           = desc("output_lag_seconds", "Age of the oldest event that waits for the output; 0 when none waits.", "output")
	cursor        = desc("output_cursor", "Number of the last event that the output is done with.", "output")
	lost          = desc("output_events_lost_total", "Events given up by the bounds of the queue before the output got to them.", "output")
	lastSent      = desc("output_last_sent_timestamp_seconds", "When the output last delivered something.", "output")

	queueEvents   = desc("queue_events", "Events in the durable log, delivered or not.")
	queueLast     = desc("queue_last_event", "Number of the newest event of the durable log.")
	queueBytes    = desc("queue_bytes", "Size of the durable log on disk.")
	queueMax      = desc("queue_max_bytes", "Size that the durable log may have; 0 is no bound.")
	queueDamaged  = desc("queue_damaged_records_total", "Records of the durable log that failed their checksum.")
	queueWritable = desc("queue_writable", "1 when events can be stored: 0 from a failed write on until one as large would work.")

	alarms    = desc("alarms", "Active alarms.", "severity")
	silences  = desc("silences", "Active silences: what they match, no output hears of.")
	lastEvent = desc("node_last_event_timestamp_seconds", "When the last event of a Gluster node was received.", "node", "uuid")

	rules          = desc("policy_rules", "Rules of the policy in use.")
	ruleHits       = desc("policy_rule_hits_total", "Events that a rule decided about, for each output; the rule is empty when none matched.", "rule", "output")
	reloads        = desc("policy_reloads_total", "Reloads of the policy that were asked for or found.")
	reloadFailures = desc("policy_reload_failures_total", "Reloads of a policy that was not valid.")
	reloadOK       = desc("policy_last_reload_successful", "0 when the policy file has a mistake and an older one is in use.")
	loaded         = desc("policy_loaded_timestamp_seconds", "When the policy in use was read.")

	engineBoots = desc("snmp_engine_boots", "Boots counter of the SNMP engine that v3 traps are sent with.", "engine")
	engineTime  = desc("snmp_engine_time_seconds", "Time of the SNMP engine that v3 traps are sent with.", "engine")
)

// collector reads the status for each scrape.
type collector struct{ *Metrics }

// Describe implements prometheus.Collector. The collector is unchecked: which series there are depends on the outputs.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	s, err := c.status(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(ready, err)
		return
	}
	e := emitter(ch)
	e.gauge(buildInfo, 1, s.Version, runtime.Version())
	e.gauge(ready, truth(s.Ready))
	for i := range s.Inputs {
		e.input(&s.Inputs[i])
	}
	e.counter(duplicates, s.Repeated)
	c.tally.each(func(input, event string, n uint64) { e.counter(stored, n, input, event) })
	for i := range s.Outputs {
		e.output(&s.Outputs[i])
	}
	e.queue(&s.Queue)
	for _, severity := range severities {
		e.gauge(alarms, float64(s.Alarms[severity]), severity)
	}
	e.gauge(silences, float64(s.Silences))
	for _, n := range s.Nodes {
		e.gauge(lastEvent, seconds(n.LastEvent), n.Name, n.ID)
	}
	e.policy(&s.Policy)
	for _, g := range s.Engines {
		e.gauge(engineBoots, float64(g.Boots), g.ID)
		e.gauge(engineTime, float64(g.Time), g.ID)
	}
}

// severities that an active alarm can have.
var severities = []string{"critical", "major", "minor", "warning", "indeterminate", "informational"}

type emitter chan<- prometheus.Metric

func (e emitter) gauge(d *prometheus.Desc, v float64, labels ...string) {
	e <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func (e emitter) counter(d *prometheus.Desc, v uint64, labels ...string) {
	e <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}

func (e emitter) input(in *admin.Input) {
	for result, n := range in.Counters {
		switch result {
		case "disconnected":
			e.counter(connsRefused, n)
		case "kernel_dropped":
			e.counter(kernelDropped, n)
		case "gaps":
			e.counter(gaps, n)
		case "unknown": // is accepted too: shows as event other
		default:
			e.counter(inputEvents, n, in.Name, result)
		}
	}
}

func (e emitter) output(o *admin.Output) {
	for _, k := range outputs.Outcomes {
		e.counter(notifications, o.Outcomes[string(k)], o.Name, strings.ReplaceAll(string(k), " ", "_"))
	}
	state := o.Trouble
	if o.State == admin.Working {
		state = admin.Working
	}
	e.gauge(outputState, truth(state == admin.Working), o.Name, admin.Working)
	for _, k := range outputs.Troubles {
		e.gauge(outputState, truth(state == string(k)), o.Name, string(k))
		e.counter(failures, o.Failures[string(k)], o.Name, string(k))
	}
	e.gauge(waiting, float64(o.Waiting), o.Name)
	e.gauge(lag, o.Lag, o.Name)
	e.gauge(cursor, float64(o.Cursor), o.Name)
	e.counter(lost, o.Lost, o.Name)
	if o.LastSent != nil {
		e.gauge(lastSent, seconds(*o.LastSent), o.Name)
	}
}

func (e emitter) queue(q *admin.Queue) {
	e.gauge(queueEvents, float64(q.Events))
	e.gauge(queueLast, float64(q.Last))
	e.gauge(queueBytes, float64(q.Bytes))
	e.gauge(queueMax, float64(q.MaxBytes))
	e.counter(queueDamaged, q.Damaged)
	e.gauge(queueWritable, truth(q.WriteError == ""))
}

func (e emitter) policy(p *admin.Policy) {
	e.gauge(rules, float64(p.Rules))
	for _, h := range p.Hits {
		e.counter(ruleHits, h.Events, h.Rule, h.Output)
	}
	e.counter(reloads, p.Reloads)
	e.counter(reloadFailures, p.Failures)
	e.gauge(reloadOK, truth(p.LastError == ""))
	e.gauge(loaded, seconds(p.Loaded))
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
