/** What `zabench serve --help` says of the configuration file. */
export const CONFIGURATION_HELP = `Keys of the configuration file (Java properties; defaults in brackets):
  dataDir                        folder of the snapshots; required
  dataLogDir                     folder of the transaction log [dataDir]
  clientPort                     port for clients; required, 0 lets the system choose
  clientPortAddress              address to listen on [every address]
  clientPortListenBacklog        [the system's]
  tickTime                       ms; the unit of the times below [3000]
  minSessionTimeout              ms [2 ticks]
  maxSessionTimeout              ms [20 ticks]
  maxClientCnxns                 connections per client address, 0 is no limit [60]
  4lw.commands.whitelist         four-letter words that are answered, * for all [srvr]
  snapCount                      transactions between snapshots [100000]
  preAllocSize                   KiB by which log files grow [65536]
  txnLogSizeLimitInKb            a log file is ended beyond this size [no limit]
  forceSync                      no: answer before data is on disk, and lose it in a crash [yes]
  autopurge.snapRetainCount      snapshots kept [3]
  autopurge.purgeInterval        hours between purges, 0 is never [0]
  jute.maxbuffer                 largest packet, bytes [1048575]
  globalOutstandingLimit         writes in flight before clients are slowed down [1000]
  snapshot.trust.empty           start with logs but no snapshot [false]
  extendedTypesEnabled           znodes with a time to live [false]
  skipACL                        yes: no access control [no]
  DigestAuthenticationProvider.superDigest   user:hash that may do everything
  metricsProvider.className      ...metrics.prometheus.PrometheusMetricsProvider serves /metrics [off]
  metricsProvider.httpHost, metricsProvider.httpPort   [127.0.0.1, 7000]
  httpGateway.port               port of the HTTP gateway, 0 lets the system choose [off]
  httpGateway.address            address it listens on [127.0.0.1]
  httpGateway.allowedHosts       names it may be called by, beside localhost and addresses [none]
  httpGateway.allowedOrigins     origins whose pages may use it, such as https://console.example [none]
  httpGateway.maxConnections     [1000]
  httpGateway.requestTimeout     ms for a request to come whole [30000]
  server.N                       host:quorumPort:electionPort[:participant|observer][;clientPort]; the file
                                 myid in dataDir says which N this server is
  initLimit, syncLimit           ticks for a member to be synchronized, and to be silent; an ensemble needs them
  zabench.peerTimeoutMs          ms of silence after which another core server is given up [1000]
  zabench.arenaMiBMax            memory for znodes, MiB [1024]`;
