// Package completions generates with models at completion servers: servers that
// continue a prompt given as one string. [Config] is the configuration of all
// families of them.
package completions
