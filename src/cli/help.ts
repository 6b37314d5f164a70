/** What `--help` prints, in one place. */

const EXIT = `Exit codes: 0 done, 2 bad input or set-up, 3 this machine cannot, 70 a bug of ours.`

const main = `understudy stands in for the services a program calls: it mocks them or forwards to them.

  understudy run [options] -- COMMAND…  run COMMAND with all it connects to intercepted (needs root)
  understudy serve [options]            a mock server and explicit proxy on one port (no root)
  understudy agent [options]            serve the pods of a node that opt in (needs root)
  understudy doctor                     what works on this machine, and what to do about the rest
  understudy cleanup                    remove what a killed run or an agent has left behind

  understudy COMMAND --help             the options of one command
  understudy --version

${EXIT}
`

const run = `understudy run [options] -- COMMAND [ARGUMENT…]

Runs COMMAND in a cgroup of its own. The kernel sends every TCP connection it opens to Understudy
and says where it was going; Understudy answers from the expectations or forwards. Nothing stays.

  -e, --expectations FILE  what to mock: expectations (docs/expectations.md), an OpenAPI document,
                           a HAR log or a Postman collection; may be given more than once
  -c, --config FILE        settings, YAML or JSON (docs/configuration.md)
  -r, --record FILE        append every exchange and connection to FILE, one JSON object a line
      --record-expectations FILE  write what was forwarded to FILE, as expectations
                           (docs/replay.md)
      --replay FILE        answer from such a file, refuse what it has not, and say so at the end
      --summary            print a table of what happened at the end (the default on a terminal)
      --no-summary         do not
      --unmatched WHAT     requests that nothing matches: forward (default) or refuse
      --netns NAME         run COMMAND in this network namespace (a name of \`ip netns\`, or a path)
      --capture HOW        auto (default), ebpf, nft, iptables, tproxy, or none: rules of your own
                           (docs/capture.md)
      --control PORT       answer MockServer's API on 127.0.0.1:PORT while it runs; 0 takes any free
                           one. COMMAND finds it in UNDERSTUDY_CONTROL_URL (docs/control-api.md)
      --as-root            under sudo, run COMMAND as root and not as the user who called sudo
      --log-level LEVEL    fatal, error, warn (default), info, debug, trace, silent;
                           goes to standard error
  -h, --help

Exit codes: COMMAND's own, or 128 + N when signal N ended it; 127 no such command, 126 it cannot be
executed, 125 it could not be started; 2 bad input or set-up, 3 this machine cannot, 70 our bug.
`

const serve = `understudy serve [options]

A mock server and explicit HTTP proxy on one port. Requests for this server itself are answered from
the expectations; absolute-form requests and CONNECT go to where they say, mocked on the way.
MockServer's API is answered on the same port (docs/control-api.md).

  -p, --port PORT          listen on PORT (default 1080; 0 takes any free one)
      --host ADDRESS       listen on ADDRESS (default 127.0.0.1; 0.0.0.0 opens it to the network)
  -e, --expectations FILE  what to mock: expectations (docs/expectations.md), an OpenAPI document,
                           a HAR log or a Postman collection; may be given more than once
  -c, --config FILE        settings, YAML or JSON (docs/configuration.md)
  -r, --record FILE        append every exchange to FILE, one JSON object a line
      --record-expectations FILE  write what was forwarded to FILE, as expectations
                           (docs/replay.md)
      --replay FILE        answer from such a file, refuse what it has not, and say so at the end
      --unmatched WHAT     requests that nothing matches: forward (default) or refuse
      --log-level LEVEL    fatal, error, warn, info (default), debug, trace, silent;
                           goes to standard error
  -h, --help

Ends with SIGINT or SIGTERM, exit code 0.
${EXIT}
`

const agent = `understudy agent [options]

Serves the pods of this node that opt in by annotation (docs/annotations.md), in namespaces that
may (docs/kubernetes.md), and sums up the connections of all. Runs until SIGTERM; an agent that is
started beside it takes over from it. Normally a DaemonSet runs it (charts/understudy).

  -c, --config FILE        settings, YAML or JSON (docs/configuration.md)
  -e, --expectations FILE  what to mock, beside the folder that the settings name; may be given more
                           than once
  -w, --workloads FILE     the workloads are those of FILE (docs/workloads.md), not Kubernetes pods
  -r, --record FILE        append every exchange and connection to FILE, one JSON object a line
      --log-level LEVEL    fatal, error, warn, info (default), debug, trace, silent;
                           goes to standard error
  -h, --help

Ends with SIGINT or SIGTERM, exit code 0. Links and maps stay for the next agent, unless the setting
onStop says otherwise; \`understudy cleanup\` removes them.
${EXIT}
`

const doctor = `understudy doctor [--json]

Tells, feature by feature, what this kernel and these rights allow, which kernel brings what is
missing, and what is done instead. As root it also intercepts connections of its own, to prove which
ways of capturing work, and which ways to learn where a connection was going (docs/strategies.md).
Nothing leaves this machine, and nothing stays.

      --json               one JSON object instead of the table
  -h, --help

Exit codes: 0 \`understudy run\` works here, 3 it does not, 2 bad input.
`

const cleanup = `understudy cleanup

Removes cgroups, pins, packet filter rules and state of runs whose process is gone, and links and
maps that an agent has left for its successor, if none is alive. What is alive is not touched.

  -h, --help

${EXIT}
`

export const HELP = { main, run, serve, agent, doctor, cleanup }
