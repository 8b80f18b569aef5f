/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The few kernel types and constants that the probes use, written by hand. Fields
 * are found by name when the programs are loaded (CO-RE), so a struct needs only
 * those that are read, in any order. Only the contexts of tracepoints have a fixed
 * layout.
 */
#ifndef SIGTRAIL_VMLINUX_H
#define SIGTRAIL_VMLINUX_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;

typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef __s64 s64;
typedef __u64 u64;
typedef __s32 s32;
typedef __u32 u32;

enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
};

enum {
	BPF_ANY = 0,
};

#define BPF_F_CURRENT_CPU 0xffffffffULL

#define ENOENT 2
#define EBADF 9
#define ENOSPC 28
#define ENOSYS 38
#define EOPNOTSUPP 95

#define SIGHUP 1
#define SIGINT 2
#define SIGQUIT 3
#define SIGILL 4
#define SIGTRAP 5
#define SIGBUS 7
#define SIGFPE 8
#define SIGKILL 9
#define SIGSEGV 11
#define SIGPIPE 13
#define SIGALRM 14
#define SIGCHLD 17
#define SIGCONT 18
#define SIGSTOP 19
#define SIGTSTP 20
#define SIGTTIN 21
#define SIGTTOU 22
#define SIGURG 23
#define SIGXCPU 24
#define SIGXFSZ 25
#define SIGVTALRM 26
#define SIGPROF 27
#define SIGWINCH 28
#define SIGIO 29
#define SIGSYS 31

/* A kernel lacks those helpers that it has no name for. */
enum bpf_func_id {
	BPF_FUNC_get_current_pid_tgid = 14,
	BPF_FUNC_get_current_task = 35,
	BPF_FUNC_get_current_task_btf = 158,
	BPF_FUNC_task_pt_regs = 175,
};

/* Looked up by name: its value is the index in css_set.subsys. */
enum cgroup_subsys_id {
	memory_cgrp_id = 4,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r10;
	unsigned long bx;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
	unsigned long cs;
};

struct thread_info {
	u32 status;
};
#elif defined(__TARGET_ARCH_arm64)
struct user_pt_regs {
	__u64 regs[31];
};

struct pt_regs {
	union {
		struct user_pt_regs user_regs;
		struct {
			u64 regs[31];
		};
	};
	u64 pstate;
	u64 orig_x0;
	s32 syscallno;
};

struct thread_info {
	unsigned long flags;
};
#endif

typedef struct {
	u32 val;
} kuid_t, kgid_t;

struct uid_gid_extent {
	u32 first;
	u32 lower_first;
	u32 count;
};

struct uid_gid_map {
	u32 nr_extents;
	struct uid_gid_extent extent[5];
};

struct user_namespace {
	struct uid_gid_map uid_map;
	int level;
};

struct cred {
	kuid_t uid;
	kgid_t gid;
	kuid_t euid;
	kgid_t egid;
	struct user_namespace *user_ns;
};

struct ns_common {
	unsigned int inum;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct xarray {
	void *xa_head;
};

struct idr {
	struct xarray idr_rt;
	unsigned int idr_base;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct pid_namespace {
	struct idr idr;
	struct task_struct *child_reaper;
	int reboot;
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct hlist_node {
	struct hlist_node *next;
	struct hlist_node **pprev;
};

struct list_head {
	struct list_head *next;
	struct list_head *prev;
};

struct hlist_head {
	struct hlist_node *first;
};

struct pid {
	unsigned int level;
	struct hlist_head tasks[4];
	struct upid numbers[1];
};

struct kernfs_node {
	struct kernfs_node *__parent;
	const char *name;
	u64 id;
};

/* Before 6.15. */
struct kernfs_node___parent {
	struct kernfs_node *parent;
};

struct cgroup_root {
	int hierarchy_id;
};

struct cgroup {
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct cgroup_subsys_state {
	struct cgroup *cgroup;
};

struct css_set {
	struct cgroup_subsys_state *subsys[16];
	struct cgroup *dfl_cgrp;
};

struct qstr {
	const unsigned char *name;
};

struct super_block {
	unsigned long s_magic;
};

struct inode {
	unsigned int i_nlink;
	struct super_block *i_sb;
	void *i_private;
};

struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct dentry {
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_flags;
	const struct cred *f_cred;
	struct inode *f_inode;
	void *private_data;
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	struct file *exe_file;
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct sigpending {
	sigset_t signal;
};

struct sigaction {
	void *sa_handler;
};

struct k_sigaction {
	struct sigaction sa;
};

struct sighand_struct {
	struct k_sigaction action[64];
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	struct tty_driver *driver;
	int index;
	char name[64];
	struct tty_struct *link;
	struct list_head tty_files;
};

struct tty_file_private {
	struct file *file;
	struct list_head list;
};

struct rlimit {
	unsigned long rlim_cur;
	unsigned long rlim_max;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	int nr_threads;
	atomic_t live;
	unsigned int flags;
	int group_exit_code;
	int group_stop_count;
	struct list_head thread_head;
	struct pid *pids[4];
	struct tty_struct *tty;
	struct rlimit rlim[16];
	struct mm_struct *oom_mm;
};

/* From 7.1 on. */
struct signal_struct___autoreap {
	unsigned int autoreap : 1;
};

union __sifields {
	int first;
};

struct kernel_siginfo {
	int si_code;
	union __sifields _sifields;
};

struct seccomp {
	int mode;
};

struct task_struct {
	struct thread_info thread_info;
	void *stack;
	unsigned int flags;
	unsigned int ptrace;
	unsigned int policy;
	int exit_state;
	int exit_code;
	int pdeath_signal;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct hlist_node pid_links[4];
	u64 start_time;
	u64 start_boottime;
	const struct cred *real_cred;
	char comm[16];
	struct signal_struct *signal;
	struct sighand_struct *sighand;
	sigset_t blocked;
	sigset_t real_blocked;
	struct list_head tasks;
	struct list_head thread_node;
	struct nsproxy *nsproxy;
	struct sigpending pending;
	kuid_t loginuid;
	unsigned int sessionid;
	u64 self_exec_id;
	struct mm_struct *mm;
	struct files_struct *files;
	struct css_set *cgroups;
	struct seccomp seccomp;
};

/* As BTF has them: on 6.1 with PREEMPT_RT, trace_entry has one member more. */
struct trace_event_raw_sys_enter {
	long id;
	unsigned long args[6];
};

struct trace_event_raw_sys_exit {
	long id;
	long ret;
};

/* Up to 6.7 it has the pid alone. */
struct trace_event_raw_mark_victim {
	int pid;
	unsigned long total_vm;
	unsigned long anon_rss;
	unsigned long file_rss;
	unsigned long shmem_rss;
	unsigned long pgtables;
	short oom_score_adj;
};

#pragma clang attribute pop

/* Kernel functions that programs may call where the kernel has them. */
extern struct task_struct *bpf_task_from_vpid(s32 vpid) __attribute__((section(".ksyms"), weak));
extern struct task_struct *bpf_task_from_pid(s32 pid) __attribute__((section(".ksyms"), weak));
extern void bpf_task_release(struct task_struct *task) __attribute__((section(".ksyms"), weak));

struct trace_entry {
	unsigned short type;
	unsigned char flags;
	unsigned char preempt_count;
	int pid;
};

struct syscall_trace_enter {
	struct trace_entry ent;
	int nr;
	unsigned long args[];
};

struct syscall_trace_exit {
	struct trace_entry ent;
	int nr;
	long ret;
};

#endif
